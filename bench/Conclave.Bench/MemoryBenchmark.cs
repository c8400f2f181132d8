using System.Diagnostics;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>The whole way through client, queue and memory store: the floor that Conclave itself sets.</summary>
internal static class MemoryBenchmark
{
    private const int Pairs = 200_000;
    private const int Tasks = 1000;

    public static async Task<int> RunAsync()
    {
        var store = new MemoryStore();
        await using var client = new ConclaveClient(store);
        var theLock = client.Lock("bench");
        var alone = new List<double>();
        var handOffs = new List<double>();
        double bytes = 0;
        int contenders = 0;
        for (int round = 0; round < 9; round++)
        {
            var (time, allocated) = await AloneAsync(theLock);
            var (handOff, most) = await ContendedAsync(theLock, store);
            if (round >= 2)
            {
                // the first two rounds warm up
                alone.Add(time);
                handOffs.Add(handOff);
                bytes = allocated;
                contenders = Math.Max(contenders, most);
            }
        }

        double pair = Report.Median(alone);
        double ratio = Report.Median(alone.Zip(handOffs, (a, h) => a / h));
        Report.Row("memory: acquire + release", Report.Of($"{pair:0.00} µs"), "≤ 5 µs", pair <= 5);
        Report.Row("memory: allocated by acquire + release", Report.Of($"{bytes:0} B"), "≤ 2,048 B", bytes <= 2048);
        Report.Row($"memory: hand-offs among {Tasks:N0} local tasks on one name, rate against uncontended", Report.Of($"{ratio:0.00} ×"), "≥ 0.5 ×", ratio >= 0.5);
        Report.Row($"memory: most contenders in the store meanwhile", Report.Of($"{contenders}"), "≤ 1", contenders <= 1);
        return 0;
    }

    private static async Task<(double Microseconds, double Bytes)> AloneAsync(DistributedLock theLock)
    {
        long before = GC.GetTotalAllocatedBytes(precise: true);
        var watch = Stopwatch.StartNew();
        for (int i = 0; i < Pairs; i++)
        {
            var claim = await theLock.AcquireAsync();
            await claim.DisposeAsync();
        }

        double microseconds = watch.Elapsed.TotalMicroseconds / Pairs;
        return (microseconds, (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Pairs);
    }

    private static async Task<(double Microseconds, int MostContenders)> ContendedAsync(DistributedLock theLock, MemoryStore store)
    {
        var scan = new Transaction(reads: [Read.Scan("lock/bench/")]);
        int most = 0;
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, Tasks).Select(task => Task.Run(async () =>
        {
            for (int i = 0; i < Pairs / Tasks; i++)
            {
                var claim = await theLock.AcquireAsync();
                if (i % 50 == 0)
                {
                    most = Math.Max(most, (await store.CommitAsync(scan)).Reads[0].Length);
                }

                await claim.DisposeAsync();
            }
        })));
        return (watch.Elapsed.TotalMicroseconds / Pairs, most);
    }
}
