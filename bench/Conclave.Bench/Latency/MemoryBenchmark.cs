using System.Diagnostics;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>The whole way through client, queue and memory store: the floor that Conclave itself sets. Beside it what a single process has already.</summary>
internal static class MemoryBenchmark
{
    private const int Tasks = 1000;

    private static int Pairs => Effort.Of(200_000, 10_000);

    public static async Task RunAsync()
    {
        await CountAsync();
        var store = new MemoryStore();
        await using var client = new ConclaveClient(store);
        var theLock = client.Lock("bench");
        using var semaphore = new SemaphoreSlim(1);
        (List<double> alone, List<double> handOffs, List<double> bare) = ([], [], []);
        double bytes = 0;
        int contenders = 0;
        for (int round = 0; round < Effort.Of(9, 3); round++)
        {
            var (time, allocated) = await AloneAsync(theLock);
            var (handOff, most) = await ContendedAsync(theLock, store);
            double semaphores = await SemaphoreAsync(semaphore);
            if (round >= 2)
            {
                // the first two rounds warm up
                alone.Add(time);
                handOffs.Add(handOff);
                bare.Add(semaphores);
                bytes = allocated;
                contenders = Math.Max(contenders, most);
            }
        }

        double pair = Report.Median(alone);
        var ratio = Spread.Of([.. alone], [.. handOffs]);
        Report.AtMost("memory: acquire + release", Report.Of($"{pair:0.00} µs (a SemaphoreSlim: {Report.Median(bare):0.00} µs)"), pair, 5, "≤ 5 µs");
        Report.AtMost("memory: allocated by acquire + release", Report.Of($"{bytes:0} B"), bytes, 2048, "≤ 2,048 B");
        Report.AtLeast(
            $"memory: hand-offs among {Tasks:N0} local tasks on one name, rate against uncontended", Report.Of($"{ratio.Median:0.00} × ({ratio.Rounds})"), ratio.Median, 0.5, "≥ 0.5 ×", ratio);
        Report.AtMost("memory: most contenders in the store meanwhile", Report.Of($"{contenders}"), contenders, 1, "≤ 1");
        LatencyBenchmark.Add(
            "memory", [pair / 1000, double.NaN, Report.Median(bare) / 1000], [1e6 / pair, double.NaN, 1e6 / Report.Median(bare)]);
    }

    private static async Task CountAsync()
    {
        const int pairs = 1000;
        var store = new CountingStore(new MemoryStore());
        await using var client = new ConclaveClient(store);
        await Measure.AcquireAndReleaseAsync(client.Lock("warm"));
        int before = store.Commits;
        for (int i = 0; i < pairs; i++)
        {
            await Measure.AcquireAndReleaseAsync(client.Lock("x"));
        }

        double commits = (store.Commits - before) / (double)pairs;
        Report.Row("memory: commits of an uncontended acquire + release", Report.Of($"{commits:0.###}"), "2", commits == 2);
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

    private static async Task<double> SemaphoreAsync(SemaphoreSlim semaphore)
    {
        var watch = Stopwatch.StartNew();
        for (int i = 0; i < Pairs; i++)
        {
            await semaphore.WaitAsync();
            semaphore.Release();
        }

        return watch.Elapsed.TotalMicroseconds / Pairs;
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
