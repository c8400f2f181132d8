namespace Conclave.Bench;

/// <summary>How a lock more grows dearer with those that a client holds already.</summary>
internal static class HeldBenchmark
{
    private const double Interval = 5;

    private static readonly int[] Sizes = Effort.Of([1, 10, 100, 1000, 10_000, 100_000], [1, 10, 200]);

    private static readonly TimeSpan Window = TimeSpan.FromSeconds(Effort.Of(10, 1));

    public static async Task RunAsync(string[] only)
    {
        string[] engines = [.. Engine.All.Prepend("memory").Where(e => only.Length == 0 || only.Contains(e))];
        var costs = new Dictionary<(string Engine, string Kind), List<double[]>>();
        foreach (string name in engines)
        {
            await using var engine = name == "memory" ? null : await Engine.StartAsync(name);
            foreach (string kind in name == "memory" ? (string[])["ours"] : ["ours", "hand50"])
            {
                int most = kind == "ours" ? 100_000 : name == "postgres" ? 100 : 10_000;
                costs[(name, kind)] = await MeasureAsync(engine, name, kind, [.. Sizes.Where(s => s <= most)]);
            }

            int last = Math.Min(costs[(name, "ours")].Count, name == "memory" ? 0 : costs[(name, "hand50")].Count) - 1;
            if (last >= 0)
            {
                double[] ours = costs[(name, "ours")][last];
                double[] theirs = costs[(name, "hand50")][last];
                Report.Row(
                    Report.Of($"{name}: to take one of {ours[0]:#,0} locks beside the same by hand"),
                    Report.Of($"{ours[1] / theirs[1]:0.00} × ({ours[1]:0.000} ms, {theirs[1]:0.000} ms)"));
            }
        }

        (string, (double, double)[])[] Series(string kind, int number) =>
            [.. engines.Where(e => costs.ContainsKey((e, kind))).Select(e => (e, costs[(e, kind)].Select(c => (c[0], Math.Max(0, c[number]))).ToArray()))];
        Report.Panels.Add(new Lines("Time to take one lock more, 64 at a time", "locks held then", "milliseconds", Series("ours", 1)));
        Report.Panels.Add(new Lines("Memory of one lock more in the client", "locks held then", "bytes", [.. Series("ours", 2).Select(s => (s.Item1, s.Item2.Where(c => c.Item1 >= 100).ToArray()))]));
        Report.Settings.Add(Report.Of($"one client takes more and more locks, 64 at a time; its session lives 15 s and is renewed every {Interval:0} s; requests are counted for {Window.TotalSeconds:0} s"));
        Report.Settings.Add("memory: of the managed heap after a full collection; below 100 locks it is what the client needs anyway");
        Report.Settings.Add("by hand up to 10,000: bench/Alternatives, one connection for all; PostgreSQL up to 100, a connection each");
    }

    private static async Task<List<double[]>> MeasureAsync(Engine? engine, string name, string kind, int[] sizes)
    {
        using var worker = WorkerProcess.Start(
            "held", kind, engine?.Uri("held") ?? "memory:", string.Join(',', sizes.Select(s => Report.Of($"{s}"))), Report.Of($"{Window.TotalMilliseconds}"));
        var costs = new List<double[]>();
        int server = engine?.Server?.ProcessId ?? 0;
        long memory = server == 0 ? 0 : ProcessCost.Of(server).Memory;
        foreach (int size in sizes)
        {
            double[] cost = await worker.NumbersAsync();
            costs.Add(cost);
            double intervals = Window.TotalSeconds / Interval;
            string requests = kind == "ours" && size >= 10_000 ? Report.Of($"; {cost[3] / intervals:0.#} requests per renewal interval ({cost[3]:0} in {intervals:0.#})") : "";
            string inServer = server != 0 && size == sizes[^1] ? Report.Of($"; {Math.Max(0, ProcessCost.Of(server).Memory - memory) / 1024.0 / size:0.00} KiB each in the server") : "";
            Report.Row(
                $"{name}: one lock more, {size:#,0} held then{(kind == "ours" ? "" : ", by hand")}",
                Report.Of($"{cost[1]:0.000} ms{(size >= 100 ? Report.Of($", {cost[2]:#,0} bytes here") : "")}{inServer}{requests}"));
            worker.GoOn();
        }

        return costs;
    }
}
