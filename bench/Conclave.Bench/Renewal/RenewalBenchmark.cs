namespace Conclave.Bench;

/// <summary>What it costs to stay alive: requests and processor time, by how much is held and by how many; and a renewal beside the bare engine's.</summary>
internal static class RenewalBenchmark
{
    private static readonly int Intervals = Effort.Of(6, 1);

    private static readonly (int Clients, int Locks)[] Cases = Effort.IsQuick ? [(1, 10), (1, 100)] : [(1, 10), (1, 10_000), (10, 10), (100, 10)];

    public static async Task RunAsync(string[] only)
    {
        string[] engines = [.. Engine.All.Prepend("memory").Where(e => only.Length == 0 || only.Contains(e))];
        var started = new Dictionary<string, Engine>();
        try
        {
            foreach (string name in engines.Where(e => e != "memory"))
            {
                started[name] = await Engine.StartAsync(name);
            }

            await HoldAsync(engines, started);
            foreach (var engine in started.Values)
            {
                await CompareAsync(engine);
            }
        }
        finally
        {
            foreach (var engine in started.Values)
            {
                await engine.DisposeAsync();
            }
        }

        Report.Settings.Add(Report.Of($"a renewal interval is a third of the time to live: 2 s, on Consul 3.3 s; counted over {Intervals} intervals, all engines at once, since nothing but renewals happens"));
        Report.Settings.Add("requests: what goes over the wire; on memory and SQLite commits and renewals. Processor time: of the client's process, and of the server with its children, which the kernel counts in steps of 10 ms");
        Report.Settings.Add("on Redis and PostgreSQL a client also looks for sessions that are late, which expire by being observed there");
    }

    private static async Task HoldAsync(string[] engines, Dictionary<string, Engine> started)
    {
        var results = new Dictionary<(string Engine, int Clients, int Locks), double[]>();
        foreach (var (clients, locks) in Cases)
        {
            // memory has one client
            string[] now = [.. engines.Where(e => e != "memory" || clients == 1)];
            double[][] costs = await Task.WhenAll(now.Select(e => MeasureAsync(started.GetValueOrDefault(e), "ours", clients, locks)));
            foreach (var (engine, cost) in now.Zip(costs))
            {
                results[(engine, clients, locks)] = cost;
                Row(engine, clients, locks, cost, results);
            }
        }

        if (started.TryGetValue("redis", out var redis))
        {
            int locks = Cases[1].Locks;
            double[] cost = await MeasureAsync(redis, "hand", 1, locks);
            Report.Row(
                $"redis: requests to hold {locks:#,0} locks by hand, per renewal interval: a PEXPIRE for each",
                Report.Of($"{cost[0]:#,0.#}; processor time {cost[1]:0.0} ms here, {cost[2]:0.0} ms in the server"));
        }

        Report.Panels.Add(new Bars(
            "Requests per renewal interval",
            "requests",
            engines,
            [.. Cases.Select(c => (Named(c.Clients, c.Locks), engines.Select(e => results.TryGetValue((e, c.Clients, c.Locks), out double[]? r) ? r[0] : double.NaN).ToArray()))],
            IsLog: true));
    }

    private static string Named(int clients, int locks) => Report.Of($"{clients:#,0} client{(clients == 1 ? "" : "s")}, {clients * locks:#,0} locks");

    private static async Task<double[]> MeasureAsync(Engine? engine, string kind, int clients, int locks)
    {
        var interval = TimeSpan.FromMilliseconds(engine is ConsulEngine ? 3334 : 2000);
        using var worker = WorkerProcess.Start(
            "renewal", kind, engine?.Uri($"renewal-{kind}-{clients}-{locks}") ?? "memory:", Report.Of($"{clients}"), Report.Of($"{locks}"), Report.Of($"{interval.TotalMilliseconds:0}"), Report.Of($"{Intervals}"));
        await worker.LineAsync();
        int server = engine?.Server?.ProcessId ?? 0;
        double before = server == 0 ? 0 : ProcessCost.Of(server).Processor;
        worker.GoOn();
        double[] cost = await worker.NumbersAsync();
        double processor = server == 0 ? 0 : ProcessCost.Of(server).Processor - before;
        worker.GoOn();
        return [cost[0] / Intervals, cost[1] / Intervals, processor / Intervals];
    }

    private static void Row(string engine, int clients, int locks, double[] cost, Dictionary<(string Engine, int Clients, int Locks), double[]> results)
    {
        string got = Report.Of($"{cost[0]:0.##}{(clients > 1 ? Report.Of($", {cost[0] / clients:0.##} for each client") : "")}; processor time {cost[1]:0.0} ms here, {cost[2]:0.0} ms in the server");
        string what = clients == 1
            ? $"{engine}: requests to hold {locks:#,0} locks, per renewal interval"
            : $"{engine}: requests of {clients:#,0} clients that hold {locks:#,0} locks each, per renewal interval";
        if (clients > 1 || locks == 10)
        {
            Report.Row(what, got);
            return;
        }

        Report.Figures.Add(new(engine, "renewal", Report.Of($"{cost[0]:0.#}"), cost[0]));
        if (engine is "memory" or "sqlite" or "etcd")
        {
            // as many as there are intervals, give or take one for the jitter
            Report.Row(what, got, "1 ± 10 % jitter", Math.Abs((cost[0] * Intervals) - Intervals) <= 1);
        }
        else
        {
            double few = results[(engine, 1, 10)][0];
            Report.Row(what, Report.Of($"{got} ({few:0.#} to hold 10)"), "as many as for 10", cost[0] <= few + 1);
        }
    }

    private static async Task CompareAsync(Engine engine)
    {
        int calls = Effort.Of(200, 20);
        await using var store = engine.Open("renew");
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(30))).Id;
        var (name, callAsync) = await KeepAlives.ConnectAsync(engine);
        double[][] times = await Measure.InTurnsAsync(
            () => Measure.MedianAsync(async () => await store.RenewSessionAsync(session), calls), () => Measure.MedianAsync(callAsync, calls));
        var ratio = Spread.Of(times[0], times[1]);
        Report.Row(
            $"{engine.Name}: a renewal beside {name}",
            Report.Of($"{ratio.Median:0.00} × ({Report.Median(times[0]) * 1000:0} µs, {Report.Median(times[1]) * 1000:0} µs; {ratio.Rounds})"), ratio);
    }
}
