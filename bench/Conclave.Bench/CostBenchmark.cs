using Conclave.Sqlite;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>What a lock costs the store, counted.</summary>
internal static class CostBenchmark
{
    public static async Task<int> RunAsync()
    {
        using var folder = new TemporaryFolder();
        foreach (var store in (CountingStore[])[new(new MemoryStore()), new(new SqliteStore(folder.File("cost.db")))])
        {
            await MeasureAsync(store);
        }

        return 0;
    }

    private static async Task MeasureAsync(CountingStore store)
    {
        string engine = store.Description.Engine;
        var timeToLive = TimeSpan.FromSeconds(6);
        await using var client = new ConclaveClient(store, new() { SessionTimeToLive = timeToLive });
        await (await client.Lock("warm").AcquireAsync()).DisposeAsync();
        int before = store.Commits;
        for (int i = 0; i < 1000; i++)
        {
            await (await client.Lock("x").AcquireAsync()).DisposeAsync();
        }

        double commits = (store.Commits - before) / 1000.0;
        Report.Row($"{engine}: commits of an uncontended acquire + release", Report.Of($"{commits:0.###}"), "2", commits == 2);

        for (int i = 0; i < 10_000; i++)
        {
            _ = await client.Lock($"held/{i}").AcquireAsync();
        }

        (before, int renewals) = (store.Commits, store.Renewals);
        const int intervals = 6;
        await Task.Delay(timeToLive / 3 * intervals, TimeProvider.System);
        int renewed = store.Renewals - renewals;
        Report.Row(
            $"{engine}: requests to hold 10,000 locks, per renewal interval",
            Report.Of($"{(store.Commits - before + renewed) / (double)intervals:0.##} ({renewed} renewals, {store.Commits - before} commits in {intervals} intervals)"),
            "1 ± 10 % jitter",
            store.Commits == before && renewed is >= intervals - 1 and <= intervals + 1);
    }
}
