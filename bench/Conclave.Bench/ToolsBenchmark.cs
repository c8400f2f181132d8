using System.Globalization;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>The tools of the queue: what a call costs, how long nobody leads, how full a semaphore is kept, and what readers gain.</summary>
internal static class ToolsBenchmark
{
    /// <param name="only"><c>permits</c> for the semaphore alone, or null.</param>
    public static async Task<int> RunAsync(string? only = null)
    {
        await CountAsync();
        using var folder = new TemporaryFolder();
        await using var etcd = await EtcdServer.StartAsync();
        await using var consul = await ConsulServer.StartAsync();
        await using var redis = await RedisServer.StartAsync();
        await using var postgres = await PostgresServer.StartAsync();
        (string Engine, string Uri)[] engines =
        [
            ("sqlite", $"sqlite:{folder.File("tools.db")}"),
            ("etcd", $"etcd://{etcd.Host}:{etcd.Port}/tools"),
            ("consul", $"consul://{consul.Host}:{consul.Port}/tools"),
            ("redis", $"redis://{redis.Host}:{redis.Port}?namespace=tools&trustEmpty=true"),
            ("postgres", $"postgres://postgres@{postgres.Host}:{postgres.Port}/postgres?namespace=tools"),
        ];
        if (only == "permits")
        {
            foreach (var (engine, uri) in engines.Take(2))
            {
                await PermitsAsync(engine, uri);
            }

            return 0;
        }

        foreach (var (engine, uri) in engines)
        {
            await ResignAsync(engine, uri);
        }

        foreach (var (engine, uri) in engines)
        {
            await KillAsync(engine, uri);
        }

        foreach (var (engine, uri) in engines.Take(2))
        {
            await PermitsAsync(engine, uri);
        }

        foreach (var (engine, uri) in engines.Take(2))
        {
            await ReadersAsync(engine, uri);
        }

        return 0;
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
    private static async Task ResignAsync(string engine, string uri)
    {
        const int rounds = 40;
        ToolWorker[] workers = [ToolWorker.Start("lead", uri, "resign"), ToolWorker.Start("lead", uri, "resign")];
        try
        {
            var first = workers.Select(w => w.TimeAsync()).ToArray();
            int leads = Array.IndexOf(first, await Task.WhenAny(first));
            var next = first[1 - leads];
            var times = new List<double>();
            await using var looking = ToolWorker.Connect(uri);
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
                Report.Of($"p50 {Report.Median(times):0.00} ms, p95 {Report.Percentile(times, 0.95):0.0} ms ({rounds} times)"), "–", null);
        }
        finally
        {
            Array.ForEach(workers, w => w.Dispose());
        }
    }

    /// <summary>A leader is killed; several names at once, so that it does not take for ever.</summary>
    private static async Task KillAsync(string engine, string uri)
    {
        var clock = new BootTimeProvider();
        await using var looking = ToolWorker.Connect(uri);
        double[] times = await Task.WhenAll(Enumerable.Range(0, 5).Select(async number =>
        {
            string name = $"kill/{number}";
            using var leader = ToolWorker.Start("lead", uri, name);
            await leader.TimeAsync();
            using var next = ToolWorker.Start("lead", uri, name);
            await WaitingAsync(looking, name);

            // at any moment between two renewals
            await Task.Delay(ToolWorker.TimeToLive / 3 * Random.Shared.NextDouble(), TimeProvider.System);
            long killed = clock.GetTimestamp();
            leader.Kill();
            return (await next.TimeAsync() - killed) / 1e9;
        }));
        Report.Row(
            $"tools: from SIGKILL of the leader to the next one, time to live {ToolWorker.TimeToLive.TotalSeconds:0} s, {engine}",
            Report.Of($"from {times.Min():0.00} to {times.Max():0.00} s ({times.Length} times)"), "–", null);
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
    private static async Task PermitsAsync(string engine, string uri)
    {
        const int processes = 50, permits = 5;
        var workers = new List<ToolWorker>();
        try
        {
            while (workers.Count < processes)
            {
                // one after the other: to start them takes the machine longer than anything they do
                workers.Add(ToolWorker.Start("permits", uri, "full", $"{permits}", "100", "12000"));
                await workers[^1].TimeAsync();
            }

            workers.ForEach(w => w.GoOn());
            string[] outputs = await Task.WhenAll(workers.Select(w => w.RestAsync()));
            var held = outputs.SelectMany(o => o.Split('\n', StringSplitOptions.RemoveEmptyEntries))
                .Select(l => l.Split(' ').Select(n => long.Parse(n, CultureInfo.InvariantCulture)).ToArray()).OrderBy(h => h[0]).ToArray();

            // in the middle all of them want one; at the beginning fifty processes compile what none of them has needed before
            (long from, long to) = (held[0][0] + 5_000_000_000, held[0][0] + 11_000_000_000);
            double used = held.Sum(h => (double)Math.Max(0, Math.Min(h[1], to) - Math.Max(h[0], from)));
            double share = used / (permits * (double)(to - from));
            Report.Row(
                $"tools: permits in use, {processes} processes on a semaphore of {permits}, each held for 100 ms, {engine}",
                Report.Of($"{share * 100:0.0} % ({held.Length} grants)"), "≥ 95 %", share >= 0.95);
            double[] ends = [.. held.Select(h => h[1] / 1e6).Order()];
            double[] grants = [.. held.Select(h => h[0] / 1e6).Skip(permits)];
            double[] free = [.. grants.Zip(ends).Where(g => g.First >= from / 1e6 && g.First <= to / 1e6).Select(g => g.First - g.Second)];
            double longest = free.Max();
            Report.Row(
                $"tools: how long a free permit waits for somebody, {engine}",
                Report.Of($"p50 {Report.Median(free):0.0} ms, p99 {Report.Percentile(free, 0.99):0.0} ms, at most {longest:0} ms"),
                "for no timer: < 500 ms", longest < 500);
        }
        finally
        {
            workers.ForEach(w => w.Dispose());
        }
    }

    /// <summary>Four clients of four workers read, one in a hundred writes; beside the same by an exclusive lock.</summary>
    private static async Task ReadersAsync(string engine, string uri)
    {
        const int workers = 16, each = 100;
        var hold = TimeSpan.FromMilliseconds(2);
        var clients = Enumerable.Range(0, 4).Select(_ => ToolWorker.Connect(uri)).ToArray();
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
        Report.Row(
            $"tools: {workers} workers of {clients.Length} clients hold for 2 ms, 99 % as readers, against an exclusive lock, {engine}",
            Report.Of($"{Measure.Ratio(rates[0], rates[1]):0.0} × ({Report.Median(rates[0]):0} of {Report.Median(rates[1]):0} per second)"), "–", null);
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }
}
