using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>The map: what a call costs, and what it takes to go through a large one.</summary>
internal static class MapBenchmark
{
    private static readonly int Large = Effort.Of(100_000, 2000);
    private static readonly int Small = Effort.Of(10_000, 500);

    private static readonly List<(string Engine, double[] Ours, double[] Bare, double Rate, double Peak)> Results = [];

    public static async Task RunAsync(string[] only)
    {
        await CountAsync();
        foreach (string name in Engine.All.Where(e => only.Length == 0 || only.Contains(e)))
        {
            await using var engine = await Engine.StartAsync(name);
            await EnumerateAsync(engine);
        }

        string[] engines = [.. Results.Select(r => r.Engine)];
        Report.Panels.Add(new Bars(
            "A get and a set, one after the other",
            "milliseconds, median",
            engines,
            [
                ("get", [.. Results.Select(r => r.Ours[0])]),
                ("get by the bare engine", [.. Results.Select(r => r.Bare[0])]),
                ("set", [.. Results.Select(r => r.Ours[1])]),
                ("set by the bare engine", [.. Results.Select(r => r.Bare[1])]),
            ],
            IsLog: true));
        Report.Panels.Add(new Bars($"Going through {Large:N0} entries of 100 bytes: memory at most", "MiB", engines, [("MiB", [.. Results.Select(r => r.Peak)])]));
        Report.Settings.Add("the enumeration runs in a process of its own, so that nothing else counts as its memory; its collector's youngest generation is 4 MiB (`DOTNET_GCgen0size`), or else the processor's cache would be measured");
        Report.Settings.Add("bare: a linearizable read, and an unconditional write, of one key by the engine's own wire or client");
    }

    /// <summary>The process: goes through a map, and says how long it took and how much memory more than before it had at most.</summary>
    public static async Task<int> WalkAsync(string uri, string name, int expected)
    {
        await using var client = WorkerProcess.Connect(uri);
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

    private static async Task EnumerateAsync(Engine engine)
    {
        string uri = engine.Uri("map");
        await using var client = WorkerProcess.Connect(uri);
        await FillAsync(client, "small", Small);
        await FillAsync(client, "large", Large);
        var map = client.Map<int, JsonElement>("small");
        var value = (await map.GetAsync(0))!.Value;
        var (getAsync, setAsync) = await BareMap.ConnectAsync(engine);
        int calls = Effort.Of(200, 20);
        double[][] times = await Measure.InTurnsAsync(
            Effort.Of(5, 2),
            () => Measure.MedianAsync(async () => await map.GetAsync(1), calls),
            () => Measure.MedianAsync(getAsync, calls),
            () => Measure.MedianAsync(async () => await map.SetAsync(0, value), calls),
            () => Measure.MedianAsync(setAsync, calls),
            () => Measure.MedianAsync(async () => await map.UpdateAsync(0, v => v.TryGetProperty("x", out _) ? value : JsonElement.Parse("{\"n\":0,\"x\":1}")), calls));
        double[] all = [.. times.Select(Report.Median)];
        Report.Row($"map: a get, a set, and an update, {engine.Name}", Report.Of($"{all[0]:0.00} ms, {all[2]:0.00} ms, {all[4]:0.00} ms (medians of {calls})"));
        Against("get", 0);
        Against("set", 2);
        var (smallSeconds, smallPeak) = Walk(uri, "small", Small);
        var (seconds, peak) = Walk(uri, "large", Large);
        Report.Row(
            $"map: enumeration of {Large:N0} entries of 100 bytes, {engine.Name}",
            Report.Of($"{Large / seconds:N0} entries/s, {seconds:0.00} s ({Small:N0}: {smallSeconds:0.00} s)"));
        Report.AtMost(
            $"map: memory that the enumeration needs at most, {Large:N0} against {Small:N0} entries, {engine.Name}",
            Report.Of($"{peak / 1048576.0:0.0} MiB, {smallPeak / 1048576.0:0.0} MiB"), peak, 64 << 20, "≤ 64 MiB");
        Results.Add((engine.Name, [all[0], all[2]], [all[1], all[3]], Large / seconds, peak / 1048576.0));

        void Against(string what, int index)
        {
            var ratio = Spread.Of(times[index], times[index + 1]);
            Report.Row($"map: a {what} beside the bare engine's, {engine.Name}", Report.Of($"{ratio.Median:0.00} × ({all[index]:0.000} ms, {all[index + 1]:0.000} ms; {ratio.Rounds})"), ratio);
        }
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
    private static (double Seconds, long Peak) Walk(string uri, string name, int entries)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["worker", "map", uri, name, entries.ToString(CultureInfo.InvariantCulture)]) { RedirectStandardOutput = true };

        // by itself the collector lets garbage grow with the processor's cache, which is then what is measured: 90 MiB instead of 32 with a cache of 300
        start.Environment["DOTNET_GCgen0size"] = "0x400000";
        using var process = Process.Start(start)!;
        string[] told = process.StandardOutput.ReadToEnd().Split(' ');
        process.WaitForExit();
        return process.ExitCode == 0
            ? (double.Parse(told[0], CultureInfo.InvariantCulture), long.Parse(told[1], CultureInfo.InvariantCulture))
            : throw new InvalidOperationException("The process did not find every entry.");
    }
}
