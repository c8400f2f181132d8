using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>The tools of the queue: what a call costs, how long nobody leads, how full a semaphore is kept, and what readers gain.</summary>
internal static class ToolsBenchmark
{
    private static readonly List<(string Engine, double Resign, double Permits)> Results = [];

    public static async Task RunAsync(string[] only)
    {
        await CountAsync();
        foreach (string name in Engine.All.Where(e => only.Length == 0 || only.Contains(e)))
        {
            await using var engine = await Engine.StartAsync(name);
            string uri = engine.Uri("tools");
            double resign = await ResignAsync(name, uri);
            double permits = double.NaN;
            if (name is "sqlite" or "etcd")
            {
                permits = await PermitsAsync(name, uri);
                await ReadersAsync(name, uri);
            }

            Results.Add((name, resign, permits));
        }

        string[] engines = [.. Results.Select(r => r.Engine)];
        Report.Panels.Add(new Bars("From a resignation to the next leader, between processes", "milliseconds, median", engines, [("milliseconds", [.. Results.Select(r => r.Resign)])]));
        var full = Results.Where(r => double.IsFinite(r.Permits)).ToArray();
        if (full.Length > 0)
        {
            Report.Panels.Add(new Bars(
                "Permits in use, 50 processes on a semaphore of 5", "per cent of the time", [.. full.Select(r => r.Engine)], [("per cent", [.. full.Select(r => r.Permits * 100)])]));
        }

        Report.Settings.Add("processes: .NET programs that are compiled once and warmed up (`DOTNET_TieredCompilation=0`)");
        Report.Settings.Add("from the SIGKILL of a leader to the next one: `bench/run loss`, since an election is a lock with a proposal");
    }

    private static async Task CountAsync()
    {
        var store = new CountingStore(new MemoryStore());
        await using var client = new ConclaveClient(store);
        await Measure.AcquireAndReleaseAsync(client.Lock("warm"));
        await client.Counter("n").AddAsync(1);
        async Task<int> CommitsAsync(Func<Task> call)
        {
            int before = store.Commits;
            await call();
            return store.Commits - before;
        }

        Leadership? leadership = null;
        Claim? permit = null;
        int campaign = await CommitsAsync(async () => leadership = await client.Election("x").CampaignAsync());
        int resign = await CommitsAsync(async () => await leadership!.ReleaseAsync());
        int acquire = await CommitsAsync(async () => permit = await client.Semaphore("x", 3).AcquireAsync());
        int release = await CommitsAsync(async () => await permit!.ReleaseAsync());
        int add = await CommitsAsync(async () => await client.Counter("n").AddAsync(1));
        Report.Row("tools: commits of a campaign, and of a resignation", Report.Of($"{campaign}, {resign}"), "1, 1", (campaign, resign) == (1, 1));
        Report.Row("tools: commits of taking a permit, and of giving it back", Report.Of($"{acquire}, {release}"), "1, 1", (acquire, release) == (1, 1));
        Report.Row("tools: commits of an addition to a counter", Report.Of($"{add}"), "≤ 2", add <= 2);
    }

    /// <summary>Two processes lead in turns.</summary>
    private static async Task<double> ResignAsync(string engine, string uri)
    {
        int rounds = Effort.Of(40, 4);
        WorkerProcess[] workers = [WorkerProcess.Start("lead", uri, "resign"), WorkerProcess.Start("lead", uri, "resign")];
        try
        {
            var first = workers.Select(w => w.TimeAsync()).ToArray();
            int leads = Array.IndexOf(first, await Task.WhenAny(first));
            var next = first[1 - leads];
            var times = new List<double>();
            await using var looking = WorkerProcess.Connect(uri);
            for (int i = 0; i < rounds; i++)
            {
                await WaitingAsync(looking, "resign");
                workers[leads].GoOn();
                long resigned = await workers[leads].TimeAsync();
                times.Add((await next - resigned) / 1e6);
                workers[leads].GoOn();
                next = workers[leads].TimeAsync();
                leads = 1 - leads;
            }

            Report.Row(
                $"tools: from a resignation to the next leader, between processes, {engine}",
                Report.Of($"p50 {Report.Median(times):0.00} ms, p95 {Report.Percentile(times, 0.95):0.0} ms ({rounds} times)"));
            return Report.Median(times);
        }
        finally
        {
            Array.ForEach(workers, w => w.Dispose());
        }
    }

    private static async Task WaitingAsync(ConclaveClient client, string name)
    {
        while ((await client.Election(name).InspectAsync()).Waiters.IsEmpty)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        }

        // until it waits for the store's word
        await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
    }

    /// <summary>Fifty processes want five permits all the time.</summary>
    private static async Task<double> PermitsAsync(string engine, string uri)
    {
        int processes = Effort.Of(50, 8);
        const int permits = 5;
        var workers = await WorkerProcess.StartAsync(processes, _ => ["permits", uri, "full", $"{permits}", "100", "12000"]);
        try
        {
            workers.ForEach(w => w.GoOn());
            var outputs = await Task.WhenAll(workers.Select(w => w.LinesAsync()));
            long[][] held = [.. outputs.SelectMany(o => o).OrderBy(h => h[0])];

            // in the middle all of them want one; at the beginning fifty processes compile what none of them has needed before
            (long from, long to) = (held[0][0] + 5_000_000_000, held[0][0] + 11_000_000_000);
            double used = held.Sum(h => (double)Math.Max(0, Math.Min(h[1], to) - Math.Max(h[0], from)));
            double share = used / (permits * (double)(to - from));
            Report.AtLeast(
                $"tools: permits in use, {processes} processes on a semaphore of {permits}, each held for 100 ms, {engine}",
                Report.Of($"{share * 100:0.0} % ({held.Length} grants)"), share, 0.95, "≥ 95 %");
            double[] ends = [.. held.Select(h => h[1] / 1e6).Order()];
            double[] grants = [.. held.Select(h => h[0] / 1e6).Skip(permits)];
            double[] free = [.. grants.Zip(ends).Where(g => g.First >= from / 1e6 && g.First <= to / 1e6).Select(g => g.First - g.Second)];
            double longest = free.Max();
            Report.Row(
                $"tools: how long a free permit waits for somebody, {engine}",
                Report.Of($"p50 {Report.Median(free):0.0} ms, p99 {Report.Percentile(free, 0.99):0.0} ms, at most {longest:0} ms"),
                "for no timer: < 500 ms", longest < 500);
            return share;
        }
        finally
        {
            workers.ForEach(w => w.Dispose());
        }
    }

    /// <summary>Four clients of four workers read, one in a hundred writes; beside the same by an exclusive lock.</summary>
    private static async Task ReadersAsync(string engine, string uri)
    {
        const int workers = 16;
        int each = Effort.Of(100, 20);
        var hold = TimeSpan.FromMilliseconds(2);
        var clients = Enumerable.Range(0, 4).Select(_ => WorkerProcess.Connect(uri)).ToArray();
        async Task UseAsync(ValueTask<Claim> acquire)
        {
            await using var claim = await acquire;
            await Task.Delay(hold, TimeProvider.System);
        }

        Task MixAsync(int worker)
        {
            var readers = clients[worker % clients.Length].ReaderWriterLock("mix");
            return UseAsync(Random.Shared.Next(100) == 0 ? readers.AcquireWriteAsync() : readers.AcquireReadAsync());
        }

        var rates = await Measure.InTurnsAsync(
            () => Measure.RateAsync(MixAsync, workers, each),
            () => Measure.RateAsync(worker => UseAsync(clients[worker % clients.Length].Lock("mix").AcquireAsync()), workers, each / 5));
        var ratio = Spread.Of(rates[0], rates[1]);
        Report.Row(
            $"tools: {workers} workers of {clients.Length} clients hold for 2 ms, 99 % as readers, against an exclusive lock, {engine}",
            Report.Of($"{ratio.Median:0.0} × ({Report.Median(rates[0]):0} of {Report.Median(rates[1]):0} per second; {ratio.Rounds})"), ratio);
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }
}
