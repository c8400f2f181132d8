using System.Globalization;
using Conclave.Ownership;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>Mostly-correct ownership beside the original's algorithm: both as real processes on one store, in turns, the clock started when all are ready.</summary>
internal static class OwnershipBenchmark
{
    private const double HoldSeconds = 0.05;

    // the model's ideal: a hold, and four operations of a store that takes a millisecond each
    private const double IdealTurn = 0.054;

    private static readonly int Seconds = Effort.Of(10, 1);

    private static int _keys;

    private static readonly Dictionary<(string Engine, int Processes), (double Ours, double Original, double Ideal)> Bursts = [];

    public static async Task RunAsync(string[] only)
    {
        await CountAsync();
        foreach (string name in Engine.All.Where(e => e != "consul" && (only.Length == 0 || only.Contains(e))))
        {
            await using var engine = await Engine.StartAsync(name);
            string uri = engine.Uri("ownership");
            await BurstAsync(name, uri, Effort.Of(10, 3), Effort.Of(3, 1));
            if (name is "sqlite" or "etcd")
            {
                await BurstAsync(name, uri, Effort.Of(50, 4), rounds: 1);
                await LoopAsync(name, uri);
                await UpdateAsync(name, uri);
            }
        }

        (string, int)[] groups = [.. Bursts.Keys];
        Report.Panels.Add(new Bars(
            "All want one key at once, each for 50 ms: until all had it",
            "seconds, median",
            [.. groups.Select(g => $"{g.Item1}, {g.Item2}")],
            [
                ("Conclave", [.. groups.Select(g => Bursts[g].Ours)]),
                ("the original's algorithm", [.. groups.Select(g => Bursts[g].Original)]),
                ("ideal", [.. groups.Select(g => Bursts[g].Ideal)]),
            ]));
        Report.Settings.Add("the original: `bench/Alternatives/OriginalOwner.cs`, as real processes on the same store; both acquire within 150 ms and refresh every 400 ms");
        Report.Settings.Add("processes: .NET programs that are compiled once and warmed up (`DOTNET_TieredCompilation=0`); the clock starts when all are ready");
        Report.Settings.Add(Report.Of($"ideal: {IdealTurn * 1000:0} ms for each, 50 ms held and four operations of a store that takes a millisecond each"));
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
        Bursts[(engine, processes)] = (span, theirs, ideal);
        var ratio = Spread.Of([.. original.Select(o => o.Makespan)], [.. ours.Select(o => o.Makespan)]);
        Report.AtMost(
            $"ownership: {processes} processes want one key at once, for 50 ms each, {engine}: until all had it",
            Report.Of($"{span:0.00} s, {span / ideal:0.00} × ideal (original {theirs:0.00} s, {theirs / ideal:0.0} ×)"), span / ideal, 1.3, "≤ 1.3 × ideal");
        Report.Row(
            $"ownership: the original there beside ours, {processes} processes, {engine}", Report.Of($"{ratio.Median:0.0} × as long ({ratio.Rounds})"), ratio);
        double commits = Report.Median(ours.Select(o => o.Commits));
        Report.AtMost(
            $"ownership: store operations per ownership there, {processes} processes, {engine}",
            Report.Of($"{commits:0.0} commits and {Report.Median(ours.Select(o => o.Waits)):0.0} waits for hints (original {Report.Median(original.Select(o => o.Commits)):0.0} commits)"),
            commits, 6, "≤ 6 commits");

        async Task<(double, double, double)> OneAsync(string kind)
        {
            var (start, rows) = await RunAsync(processes, "burst", kind, uri, ((int)(HoldSeconds * 1000)).ToString(CultureInfo.InvariantCulture));
            return ((rows.Max(r => r[2]) - start) / 1e9, rows.Average(r => r[3]), rows.Average(r => r[4]));
        }
    }

    /// <summary>Ten processes think, own, think: who waits how long.</summary>
    private static async Task LoopAsync(string engine, string uri)
    {
        int processes = Effort.Of(10, 3);
        double fairShare = (processes - 1) * HoldSeconds * 1000;
        var told = new List<string>();
        double? reached = null;
        foreach (string kind in (string[])["ours", "original"])
        {
            var (_, rows) = await RunAsync(processes, "loop", kind, uri, Report.Of($"{Seconds * 1000}"));
            double[] waits = [.. rows.Select(r => (r[1] - r[0]) / 1e6)];
            double p99 = Report.Percentile(waits, 0.99);
            reached ??= p99 / fairShare;
            told.Add(Report.Of($"{kind} p50 {Report.Median(waits):0} ms, p99 {p99:0} ms ({p99 / fairShare:0.0} ×), longest {waits.Max():0} ms, {rows.Length / (double)Seconds:0.0} per second"));
        }

        Report.Row(
            Report.Of($"ownership: {processes} processes in a closed loop, think 100 ms, own for 50 ms on average, {engine}: waits, beside the fair share of {fairShare:0} ms"),
            string.Join("; ", told), "p99 ≤ 2 × the fair share", reached <= 2);
    }

    /// <summary>Why it exists: fifty processes change one entry.</summary>
    private static async Task UpdateAsync(string engine, string uri)
    {
        int processes = Effort.Of(50, 4);
        foreach (string kind in (string[])["none", "ours", "original"])
        {
            var (_, rows) = await RunAsync(processes, "update", kind, uri, Report.Of($"{Seconds * 1000}"));
            double[] times = [.. rows.Select(r => (r[1] - r[0]) / 1e6)];
            string with = kind switch { "none" => "without ownership", "ours" => "with ours", _ => "with the original's" };
            Report.Row(
                $"ownership: {processes} processes change one entry by get, 5 ms of work, compare-and-set, {with}, {engine}",
                Report.Of($"{rows.Length / (double)Seconds:0.0} per second, {rows.Average(r => r[2]):0.00} repetitions each, p50 {Report.Median(times):0} ms, p99 {Report.Percentile(times, 0.99):0} ms"));
        }
    }

    private static async Task<(long Start, long[][] Rows)> RunAsync(int processes, string mode, string kind, string uri, string milliseconds)
    {
        string key = $"{mode}/{Interlocked.Increment(ref _keys)}";
        var clock = new BootTimeProvider();
        var workers = await WorkerProcess.StartAsync(processes, _ => ["own", mode, kind, uri, key, milliseconds]);
        try
        {
            long start = clock.GetTimestamp();
            workers.ForEach(w => w.GoOn());
            return (start, [.. (await Task.WhenAll(workers.Select(w => w.LinesAsync()))).SelectMany(l => l)]);
        }
        finally
        {
            workers.ForEach(w => w.Dispose());
        }
    }
}
