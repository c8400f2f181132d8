using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>The map: what a call costs, and what it takes to go through a large one.</summary>
internal static class MapBenchmark
{
    private const int Large = 100_000;
    private const int Small = 10_000;

    public static async Task<int> RunAsync()
    {
        await CountAsync();
        using var folder = new TemporaryFolder();
        await EnumerateAsync("sqlite", $"sqlite:{folder.File("map.db")}");
        await using (var etcd = await EtcdServer.StartAsync())
        {
            await EnumerateAsync("etcd", $"etcd://{etcd.Host}:{etcd.Port}/map");
        }

        await using (var redis = await RedisServer.StartAsync())
        {
            await EnumerateAsync("redis", $"redis://{redis.Host}:{redis.Port}?namespace=map&trustEmpty=true");
        }

        await using (var postgres = await PostgresServer.StartAsync())
        {
            await EnumerateAsync("postgres", $"postgres://postgres@{postgres.Host}:{postgres.Port}/postgres?namespace=map");
        }

        await using (var consul = await ConsulServer.StartAsync())
        {
            await EnumerateAsync("consul", $"consul://{consul.Host}:{consul.Port}/map");
        }

        return 0;
    }

    /// <summary>The process: goes through a map, and says how long it took and how much memory more than before it had at most.</summary>
    public static async Task<int> EnumerateAsync(string uri, string name, int expected)
    {
        await using var client = ToolWorker.Connect(uri);
        var map = client.Map<int, JsonElement>(name);
        await map.SetAsync(-1, JsonElement.Parse("0"));
        _ = await map.EnumerateAsync().FirstAsync();
        await map.DeleteAsync(-1);
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        long before = process.WorkingSet64;
        var watch = Stopwatch.StartNew();
        int count = 0;
        await foreach (var (key, value) in map.EnumerateAsync())
        {
            count += key >= 0 && value.GetProperty("n").GetInt32() == key ? 1 : 0;
        }

        double seconds = watch.Elapsed.TotalSeconds;
        process.Refresh();
        Console.WriteLine(Report.Of($"{seconds:R} {process.PeakWorkingSet64 - before}"));
        return count == expected ? 0 : 1;
    }

    private static async Task CountAsync()
    {
        var store = new CountingStore(new MemoryStore());
        await using var client = new ConclaveClient(store);
        var map = client.Map<string, int>("m");
        long revision = await map.SetAsync("k", 1);
        int get = await CommitsAsync(async () => await map.GetAsync("k"));
        int set = await CommitsAsync(async () => await map.SetAsync("k", 2));
        int update = await CommitsAsync(async () => await map.UpdateAsync("k", n => n + 1));
        int refused = await CommitsAsync(async () => await map.TrySetAsync("k", 4, revision));
        int delete = await CommitsAsync(async () => await map.DeleteAsync("k"));
        int create = await CommitsAsync(async () => await map.TrySetAsync("k", 5, 0));
        Report.Row("map: commits of a get, a set, and an update that nobody disturbs", Report.Of($"{get}, {set}, {update}"), "1, 1, 2", (get, set, update) == (1, 1, 2));
        Report.Row("map: commits of a set that is refused, one that creates, and a delete", Report.Of($"{refused}, {create}, {delete}"), "1, 1, 2", (refused, create, delete) == (1, 1, 2));

        async Task<int> CommitsAsync(Func<Task> call)
        {
            int before = store.Commits;
            await call();
            return store.Commits - before;
        }
    }

    private static async Task EnumerateAsync(string engine, string uri)
    {
        await using var client = ToolWorker.Connect(uri);
        await FillAsync(client, "small", Small);
        await FillAsync(client, "large", Large);
        var map = client.Map<int, JsonElement>("small");
        var value = (await map.GetAsync(0))!.Value;
        double get = await Measure.MedianAsync(async () => await map.GetAsync(1), 200);
        double set = await Measure.MedianAsync(async () => await map.SetAsync(0, value), 200);
        double update = await Measure.MedianAsync(async () => await map.UpdateAsync(0, v => v.TryGetProperty("x", out _) ? value : JsonElement.Parse("{\"n\":0,\"x\":1}")), 200);
        Report.Row($"map: a get, a set, and an update, {engine}", Report.Of($"{get:0.00} ms, {set:0.00} ms, {update:0.00} ms (medians of 200)"), "–", null);
        var (smallSeconds, smallPeak) = Enumerate(uri, "small", Small);
        var (seconds, peak) = Enumerate(uri, "large", Large);
        Report.Row(
            $"map: enumeration of {Large:N0} entries of 100 bytes, {engine}",
            Report.Of($"{Large / seconds:N0} entries/s, {seconds:0.00} s ({Small:N0}: {smallSeconds:0.00} s)"), "–", null);
        Report.Row(
            $"map: memory that the enumeration needs at most, {Large:N0} against {Small:N0} entries, {engine}",
            Report.Of($"{peak / 1048576.0:0.0} MiB, {smallPeak / 1048576.0:0.0} MiB"), "≤ 64 MiB", peak <= 64 << 20);
    }

    private static async Task FillAsync(ConclaveClient client, string name, int entries)
    {
        string padding = new('x', 80);
        foreach (int[] some in Enumerable.Range(0, entries).Chunk(50))
        {
            var writes = some.Select(i => Write.Put($"map/{name}/{i:D20}", JsonSerializer.SerializeToUtf8Bytes(new { n = i, padding }))).ToArray();
            await client.Store.CommitAsync(new(writes: writes));
        }
    }

    /// <summary>In a process of its own, so that nothing else counts as its memory.</summary>
    private static (double Seconds, long Peak) Enumerate(string uri, string name, int entries)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["map-worker", uri, name, entries.ToString(CultureInfo.InvariantCulture)]) { RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        string[] told = process.StandardOutput.ReadToEnd().Split(' ');
        process.WaitForExit();
        return process.ExitCode == 0
            ? (double.Parse(told[0], CultureInfo.InvariantCulture), long.Parse(told[1], CultureInfo.InvariantCulture))
            : throw new InvalidOperationException("The process did not find every entry.");
    }
}
