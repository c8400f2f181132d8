namespace Conclave.Bench;

/// <summary>
/// How long a lock is nobody's: from the call of the release in one process to the grant in another. So many processes want it at once, each
/// once; the same for what people write by hand, in turns.
/// </summary>
internal static class HandOffBenchmark
{
    private const int ByHand = 50;

    private static readonly int[] Counts = Effort.Of([2, 10, 100], [2, 4]);

    private static readonly Dictionary<(string Engine, int Processes, string Kind), (double P50, double P99, double Total)> Results = [];

    public static async Task RunAsync(string[] only)
    {
        string[] engines = [.. Engine.All.Where(e => only.Length == 0 || only.Contains(e))];
        var crew = await WorkerProcess.StartAsync(Counts.Max(), _ => ["crew"]);
        try
        {
            foreach (string name in engines)
            {
                await using var engine = await Engine.StartAsync(name);
                await CompareAsync(engine, crew);
            }
        }
        finally
        {
            crew.ForEach(w => w.Dispose());
        }

        if (engines.Contains("sqlite"))
        {
            await SqliteHandOff.RunAsync();
        }

        if (engines.Contains("etcd"))
        {
            await using var engine = (EtcdEngine)await Engine.StartAsync("etcd");
            await EtcdHandOff.RunAsync(engine.Server, busy: false);
            await EtcdHandOff.RunAsync(engine.Server, busy: true);
        }

        Draw(engines);
        Report.Settings.Add("processes: .NET programs that are compiled once and warmed up (`DOTNET_TieredCompilation=0`), each with a client and a session of its own");
        Report.Settings.Add("all want one lock at the same moment, each once, for 5 ms (two processes: 20 ms and a random part of the pause); a hand-off counts from the call of the release in one to the grant in the next");
        Report.Settings.Add("by hand: bench/Alternatives, who waits tries every 50 ms, where nothing else is said; etcd's lock service waits in the server");
    }

    private static string[] KindsFor(string engine, int processes) =>
        processes == 2 && engine is not "etcd" ? ["ours", "hand10", "hand50", "hand100"] : ["ours", Hand(engine)];

    // the server waits: there is nothing to pause
    private static string Hand(string engine) => engine == "etcd" ? "hand0" : $"hand{ByHand}";

    private static async Task CompareAsync(Engine engine, List<WorkerProcess> crew)
    {
        foreach (int count in Counts)
        {
            string[] kinds = KindsFor(engine.Name, count);
            foreach (string kind in kinds)
            {
                // only those that take part, in a namespace of their own: who is connected hears what the others do. Two at a time: each compiles what it will need
                foreach (var some in crew[..count].Chunk(Environment.ProcessorCount))
                {
                    await AllAsync(some, $"connect {kind} {engine.Uri($"handoff-{count}")}");
                }
            }

            var rounds = kinds.ToDictionary(k => k, _ => new List<(double[] Gaps, double Total)>());
            int times = Effort.Of(count switch { 2 => 30, 10 => 8, _ => 3 }, 2);
            for (int round = -1; round < times; round++)
            {
                foreach (string kind in kinds)
                {
                    var result = await BurstAsync(crew[..count], kind, $"burst/{count}/{round}");
                    if (round >= 0)
                    {
                        rounds[kind].Add(result);
                    }
                }
            }

            Add(engine.Name, count, kinds, rounds);
            await AllAsync(crew[..count], "leave");
        }
    }

    private static async Task<(double[] Gaps, double Total)> BurstAsync(List<WorkerProcess> crew, string kind, string name)
    {
        // where two meet, the holder must end at any moment between two tries of the other
        (int least, int jitter) = crew.Count == 2 ? (20, kind == "ours" ? 20 : Math.Max(20, int.Parse(kind["hand".Length..], null))) : (5, 0);
        string[] lines = await AllAsync(crew, $"want {kind} {name} {least} {jitter}");
        long[][] grants = [.. lines.Select(l => l.Split(' ').Select(n => long.Parse(n, null)).ToArray()).OrderBy(g => g[1])];
        double total = (grants.Max(g => g[2]) - grants.Min(g => g[0])) / 1e6;
        return ([.. grants.Zip(grants.Skip(1)).Select(pair => (pair.Second[1] - pair.First[2]) / 1e6)], total);
    }

    private static async Task<string[]> AllAsync(IEnumerable<WorkerProcess> crew, string line)
    {
        WorkerProcess[] all = [.. crew];
        Array.ForEach(all, w => w.Say(line));
        return await Task.WhenAll(all.Select(w => w.LineAsync()));
    }

    private static void Add(string engine, int count, string[] kinds, Dictionary<string, List<(double[] Gaps, double Total)>> rounds)
    {
        foreach (string kind in kinds)
        {
            double[] gaps = [.. rounds[kind].SelectMany(r => r.Gaps)];
            Results[(engine, count, kind)] = (Report.Median(gaps), Report.Percentile(gaps, 0.99), Report.Median(rounds[kind].Select(r => r.Total)));
        }

        var ours = Results[(engine, count, "ours")];
        Report.Row(
            $"{engine}: hand-off, {count} processes want it once", Report.Of($"p50 {ours.P50:0.00} ms, p99 {ours.P99:0.00} ms, until all had it {ours.Total:0} ms ({rounds["ours"].Sum(r => r.Gaps.Length)} hand-offs)"));
        foreach (string kind in kinds.Skip(1))
        {
            var theirs = Results[(engine, count, kind)];
            string how = engine == "etcd" ? "etcd's own lock service" : $"by hand, tried every {kind["hand".Length..]} ms";
            var ratio = RatioOf(rounds[kind], rounds["ours"], theirs.P50 / ours.P50);
            string what = $"{engine}: {how} beside that, {count} processes";
            string got = Report.Of($"{ratio.Median:0.0#} × as long by hand (p50 {ours.P50:0.00} ms, {theirs.P50:0.0#} ms; p99 {ours.P99:0.0} ms, {theirs.P99:0.0} ms; until all had it {ours.Total:0} ms, {theirs.Total:0} ms)");
            if (count == 2 && kind == $"hand{ByHand}" && (engine is "redis" or "postgres"))
            {
                Report.AtLeast(what, got, ratio.Median, 10, "≥ 10 × as long", ratio);
            }
            else
            {
                Report.Row(what, got, ratio);
            }
        }

        if (count == 2)
        {
            Report.Figures.Add(new(engine, "handoff", Report.Of($"{ours.P50:0.0#} ms"), ours.P50));
            var theirs = Results[(engine, count, Hand(engine))];
            Report.Figures.Add(new(engine, "polling", Report.Of($"{theirs.P50:0.0} ms{(engine == "etcd" ? " (its own lock service waits)" : "")}"), theirs.P50));
        }
    }

    // a round of two processes is one hand-off: only thirds of all of them are rounds that can be compared
    private static Spread RatioOf(List<(double[] Gaps, double Total)> theirs, List<(double[] Gaps, double Total)> ours, double median)
    {
        int parts = Math.Min(3, ours.Count);
        int size = ours.Count / parts;
        double Middle(List<(double[] Gaps, double Total)> rounds, int part) => Report.Median(rounds.Skip(part * size).Take(size).SelectMany(r => r.Gaps));
        double[] ratios = [.. Enumerable.Range(0, parts).Select(part => Middle(theirs, part) / Middle(ours, part))];
        return new(median, ratios.Min(), ratios.Max());
    }

    private static void Draw(string[] engines)
    {
        foreach (int count in Counts)
        {
            double[] Values(Func<string, string> kind) => [.. engines.Select(e => Results[(e, count, kind(e))].P50)];
            Report.Panels.Add(new Bars(
                $"{count} processes want one lock at once: how long it is nobody's between two of them",
                "milliseconds, median",
                engines,
                [("Conclave", Values(_ => "ours")), ("by hand, tried every 50 ms (etcd: its own lock service)", Values(Hand))],
                IsLog: true));
        }
    }
}
