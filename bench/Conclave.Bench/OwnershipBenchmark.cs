using System.Globalization;
using Conclave.Ownership;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>Mostly-correct ownership beside the original's algorithm: both as real processes on one store, in turns, the clock started when all are ready.</summary>
internal static class OwnershipBenchmark
{
    private const double HoldSeconds = 0.05;

    // the model's ideal: a hold, and four operations of a store that takes a millisecond each
    private const double IdealTurn = 0.054;

    private static int _keys;

    public static async Task<int> RunAsync(string[] only)
    {
        await CountAsync();
        if (IsWanted("sqlite"))
        {
            using var folder = new TemporaryFolder();
            await AllAsync("sqlite", $"sqlite:{folder.File("ownership.db")}");
        }

        if (IsWanted("etcd"))
        {
            await using var etcd = await EtcdServer.StartAsync();
            await AllAsync("etcd", $"etcd://{etcd.Host}:{etcd.Port}/ownership");
        }

        if (IsWanted("redis"))
        {
            await using var redis = await RedisServer.StartAsync();
            await BurstAsync("redis", $"redis://{redis.Host}:{redis.Port}?namespace=ownership&trustEmpty=true", 10, rounds: 3);
        }

        if (IsWanted("postgres"))
        {
            await using var postgres = await PostgresServer.StartAsync(new() { Settings = new Dictionary<string, string> { ["max_connections"] = "400" } });
            await BurstAsync("postgres", $"postgres://postgres@{postgres.Host}:{postgres.Port}/postgres?namespace=ownership", 10, rounds: 3);
        }

        return 0;

        bool IsWanted(string engine) => only.Length == 0 || only.Contains(engine);
    }

    private static async Task AllAsync(string engine, string uri)
    {
        await BurstAsync(engine, uri, 10, rounds: 3);
        await BurstAsync(engine, uri, 50, rounds: 1);
        await LoopAsync(engine, uri);
        await UpdateAsync(engine, uri);
    }

    private static async Task CountAsync()
    {
        var store = new CountingStore(new MemoryStore());
        await using var client = new ConclaveClient(store);
        var owner = client.Owner("x");
        await (await owner.OwnAsync("warm", "me")).DisposeAsync();
        store.Reset();
        var held = await owner.OwnAsync("x", "me");
        int acquire = store.Commits;
        var next = owner.OwnAsync("x", "next").AsTask();
        await held.DisposeAsync();
        held = await next;
        int handOver = store.Commits - acquire;
        await held.DisposeAsync();
        int release = store.Commits - acquire - handOver;
        Report.Row(
            "ownership: commits to own what is free, to hand over within a process, to give up", Report.Of($"{acquire}, {handOver}, {release}"), "≤ 2, 0, ≤ 1",
            acquire <= 2 && handOver == 0 && release <= 1);
    }

    /// <summary>All want one key at once, each for 50 ms.</summary>
    private static async Task BurstAsync(string engine, string uri, int processes, int rounds)
    {
        var (ours, original) = (new List<(double Makespan, double Commits, double Waits)>(), new List<(double Makespan, double Commits, double Waits)>());
        for (int round = 0; round < rounds; round++)
        {
            ours.Add(await OneAsync("ours"));
            original.Add(await OneAsync("original"));
        }

        double ideal = processes * IdealTurn;
        double span = Report.Median(ours.Select(o => o.Makespan));
        double theirs = Report.Median(original.Select(o => o.Makespan));
        Report.Row(
            $"ownership: {processes} processes want one key at once, for 50 ms each, {engine}: until all had it",
            Report.Of($"{span:0.00} s, {span / ideal:0.00} × ideal (original {theirs:0.00} s, {theirs / ideal:0.0} ×)"), "≤ 1.3 × ideal", span <= 1.3 * ideal);
        double commits = Report.Median(ours.Select(o => o.Commits));
        Report.Row(
            $"ownership: store operations per ownership there, {engine}",
            Report.Of($"{commits:0.0} commits and {Report.Median(ours.Select(o => o.Waits)):0.0} waits for hints (original {Report.Median(original.Select(o => o.Commits)):0.0} commits)"),
            "≤ 6 commits", commits <= 6);

        async Task<(double, double, double)> OneAsync(string kind)
        {
            var (start, rows) = await RunAsync(processes, "burst", kind, uri, ((int)(HoldSeconds * 1000)).ToString(CultureInfo.InvariantCulture));
            return ((rows.Max(r => r[2]) - start) / 1e9, rows.Average(r => r[3]), rows.Average(r => r[4]));
        }
    }

    /// <summary>Ten processes think, own, think: who waits how long.</summary>
    private static async Task LoopAsync(string engine, string uri)
    {
        const int processes = 10;
        const double fairShare = (processes - 1) * HoldSeconds * 1000;
        var told = new List<string>();
        double? reached = null;
        foreach (string kind in (string[])["ours", "original"])
        {
            var (_, rows) = await RunAsync(processes, "loop", kind, uri, "15000");
            double[] waits = [.. rows.Select(r => (r[1] - r[0]) / 1e6)];
            double p99 = Report.Percentile(waits, 0.99);
            reached ??= p99 / fairShare;
            told.Add(Report.Of($"{kind} p50 {Report.Median(waits):0} ms, p99 {p99:0} ms ({p99 / fairShare:0.0} ×), longest {waits.Max():0} ms, {rows.Length / 15.0:0.0} per second"));
        }

        Report.Row(
            Report.Of($"ownership: {processes} processes in a closed loop, think 100 ms, own for 50 ms on average, {engine}: waits, beside the fair share of {fairShare:0} ms"),
            string.Join("; ", told), "p99 ≤ 2 × the fair share", reached <= 2);
    }

    /// <summary>Why it exists: fifty processes change one entry.</summary>
    private static async Task UpdateAsync(string engine, string uri)
    {
        foreach (string kind in (string[])["none", "ours", "original"])
        {
            var (_, rows) = await RunAsync(50, "update", kind, uri, "10000");
            double[] times = [.. rows.Select(r => (r[1] - r[0]) / 1e6)];
            string with = kind switch { "none" => "without ownership", "ours" => "with ours", _ => "with the original's" };
            Report.Row(
                $"ownership: 50 processes change one entry by get, 5 ms of work, compare-and-set, {with}, {engine}",
                Report.Of($"{rows.Length / 10.0:0.0} per second, {rows.Average(r => r[2]):0.00} repetitions each, p50 {Report.Median(times):0} ms, p99 {Report.Percentile(times, 0.99):0} ms"), "–", null);
        }
    }

    private static async Task<(long Start, long[][] Rows)> RunAsync(int processes, string mode, string kind, string uri, string milliseconds)
    {
        string key = $"{mode}/{Interlocked.Increment(ref _keys)}";
        var clock = new BootTimeProvider();
        var workers = new List<ToolWorker>();
        try
        {
            while (workers.Count < processes)
            {
                // one after the other: to start them takes the machine longer than anything they do
                workers.Add(ToolWorker.Start("own", mode, kind, uri, key, milliseconds));
                await workers[^1].TimeAsync();
            }

            long start = clock.GetTimestamp();
            workers.ForEach(w => w.GoOn());
            string[] outputs = await Task.WhenAll(workers.Select(w => w.RestAsync()));
            return (start, [.. outputs.SelectMany(o => o.Split('\n', StringSplitOptions.RemoveEmptyEntries))
                .Select(l => l.Split(' ').Select(n => long.Parse(n, CultureInfo.InvariantCulture)).ToArray())]);
        }
        finally
        {
            workers.ForEach(w => w.Dispose());
        }
    }
}
