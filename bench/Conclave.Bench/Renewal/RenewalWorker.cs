using System.Collections.Concurrent;
using System.Globalization;
using Conclave.Alternatives;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>The process: holds locks by one client or several, says so, and says when the intervals are over what they cost.</summary>
internal static class RenewalWorker
{
    public static async Task<int> RunAsync(string kind, string uri, int clients, int locks, TimeSpan interval, int intervals)
    {
        long requests = 0;
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = 64 };
        var held = new ConcurrentQueue<object>();
        using var done = new CancellationTokenSource();
        if (kind == "ours")
        {
            for (int i = 0; i < clients; i++)
            {
                var client = new ConclaveClient(Stores.Open(uri, () => Interlocked.Increment(ref requests)), new() { SessionTimeToLive = interval * 3 });
                int first = i * locks;
                await Parallel.ForAsync(first, first + locks, parallel, async (k, cancellation) => held.Enqueue(await client.Lock($"held/{k}").AcquireAsync(cancellation)));
            }
        }
        else
        {
            var hand = await RedisLock.ConnectAsync(StoreUri.Parse(uri).Hosts[0], interval * 3, interval);
            await Parallel.ForAsync(0, locks, parallel, async (k, cancellation) => await hand.AcquireAsync($"held/{k}", cancellation));
            held.Enqueue(RenewAsync(hand, locks, interval, () => Interlocked.Increment(ref requests), done.Token));
        }

        // what was garbage and code by then is not the cost of staying alive
        GC.Collect();
        await Task.Delay(interval, TimeProvider.System);
        Console.WriteLine("holding");
        await Console.In.ReadLineAsync();
        (long asked, var processor) = (Interlocked.Read(ref requests), Environment.CpuUsage.TotalTime);
        await Task.Delay(interval * intervals, TimeProvider.System);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{Interlocked.Read(ref requests) - asked} {(Environment.CpuUsage.TotalTime - processor).TotalMilliseconds:R}"));
        await Console.In.ReadLineAsync();
        await done.CancelAsync();
        GC.KeepAlive(held);
        Environment.Exit(0);
        return 0;
    }

    private static async Task RenewAsync(RedisLock hand, int locks, TimeSpan interval, Action onRequest, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(interval, TimeProvider.System);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            await Task.WhenAll(Enumerable.Range(0, locks).Select(k =>
            {
                onRequest();
                return hand.RenewAsync($"held/{k}");
            }));
        }
    }
}
