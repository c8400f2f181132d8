namespace Conclave.Bench;

/// <summary>How a hand-over grows dearer with those who wait for it.</summary>
internal static class WaitersBenchmark
{
    private static readonly int[] Counts = Effort.Of([1, 10, 100, 1000], [1, 20]);

    private static readonly (string Kind, string Name)[] Kinds =
        [("local", "waiters in one client"), ("clients", "a client each"), ("hand50", "by hand, a connection each, tried every 50 ms")];

    public static async Task RunAsync(string[] only)
    {
        string[] engines = [.. Engine.All.Prepend("memory").Where(e => only.Length == 0 || only.Contains(e))];
        var costs = new Dictionary<(string Engine, string Kind), List<(int Waiters, double[] Cost)>>();
        foreach (string name in engines)
        {
            await using var engine = name == "memory" ? null : await Engine.StartAsync(name);
            foreach (var (kind, told) in Kinds.Where(k => name != "memory" || k.Kind == "local"))
            {
                var list = costs[(name, kind)] = [];
                foreach (int waiters in Counts.Where(c => c <= Most(name, kind)))
                {
                    double[] cost = await MeasureAsync(engine, kind, waiters);
                    list.Add((waiters, cost));
                    Row(name, told, kind, waiters, cost);
                }
            }

            if (engine is EtcdEngine etcd)
            {
                await EtcdCrowd.RunAsync(etcd);
            }
        }

        (string, (double, double)[])[] Series(string kind, int number) =>
            [.. engines.Where(e => costs.ContainsKey((e, kind))).Select(e => (e, costs[(e, kind)].Select(c => ((double)c.Waiters, c.Cost[number])).ToArray()))];
        (string, (double, double)[])[] Pairs(int number) => [.. engines.Where(e => e != "memory").SelectMany(e => ((string, (double, double)[])[])
        [
            (e, [.. costs[(e, "clients")].Select(c => ((double)c.Waiters, c.Cost[number]))]),
            ($"{e}, by hand", [.. costs[(e, "hand50")].Select(c => ((double)c.Waiters, c.Cost[number]))]),
        ])];
        Report.Panels.Add(new Lines("Time of a hand-over, a client each", "waiters", "milliseconds", Pairs(0), HasPairs: true));
        Report.Panels.Add(new Lines("Commits of a hand-over, a client each; by hand: requests", "waiters", "requests", Pairs(1), HasPairs: true));
        Report.Panels.Add(new Lines("Time of a hand-over, all waiters in one client", "waiters", "milliseconds", Series("local", 0)));
        Report.Settings.Add("one holds the lock, the others wait; then it is released and goes from one to the next, who gives it back at once: the time of all, through the number of waiters");
        Report.Settings.Add("by hand: bench/Alternatives; etcd's lock service waits in the server, the others try every 50 ms");
        Report.Settings.Add("not measured: 1,000 clients on PostgreSQL, of which each has two connections and more (a server process each), and on one SQLite file, where every commit has each of them read what changed, or each try waits for the file's lock; ours and by hand");
        Report.Settings.Add("1 and 10 waiting: the median of 20 and of 2 rounds");
    }

    private static int Most(string engine, string kind) => kind != "local" && engine is ("postgres" or "sqlite") ? 100 : 1000;

    private static async Task<double[]> MeasureAsync(Engine? engine, string kind, int waiters)
    {
        using var worker = WorkerProcess.Start("waiters", kind, engine?.Uri($"waiters-{kind}-{waiters}") ?? "memory:", Report.Of($"{waiters}"));
        await worker.LineAsync();
        int server = engine?.Server?.ProcessId ?? 0;
        long before = server == 0 ? 0 : ProcessCost.Of(server).Memory;
        worker.GoOn();
        await worker.LineAsync();
        long memory = server == 0 ? 0 : ProcessCost.Of(server).Memory - before;

        // long enough for each who waits to look once by himself, where that is told
        double seconds = waiters >= 100 && kind != "local" ? Effort.Of(5, 1) : 0.2;
        await Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System);
        worker.GoOn();
        double[] cost = await worker.NumbersAsync();
        return [.. cost[..4], cost[4] / seconds, memory / (double)waiters];
    }

    private static void Row(string engine, string told, string kind, int waiters, double[] cost)
    {
        string requests = kind == "hand50" ? Report.Of($"{cost[1]:0.0#} requests") : Report.Of($"{cost[1]:0.0#} commits, {cost[2]:0.0#} wake-ups for nothing");
        string waiting = waiters >= 100 && kind != "local" ? Report.Of($"; while all only wait: {cost[4]:#,0.#} requests/s") : "";
        string memory = waiters >= 100 ? Report.Of($"; memory of each who waits: {Math.Max(0, cost[3]) / 1024:0.0} KiB here, {Math.Max(0, cost[5]) / 1024:0.0} KiB in the server") : "";
        Report.Row(
            $"{engine}: a hand-over, {waiters:#,0} waiting, {(engine == "etcd" && kind == "hand50" ? "etcd's own lock service, a connection each" : told)}",
            Report.Of($"{cost[0]:0.000} ms, {requests}{waiting}{memory}"));
    }
}
