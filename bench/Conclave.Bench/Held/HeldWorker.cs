using System.Collections.Concurrent;
using System.Globalization;

namespace Conclave.Bench;

/// <summary>The process: holds more and more locks, and says what each of them takes.</summary>
internal static class HeldWorker
{
    /// <param name="kind"><c>ours</c> or <c>hand50</c>.</param>
    /// <param name="uri">The store.</param>
    /// <param name="sizes">How many, one after the other.</param>
    /// <param name="window">For how long the requests are counted that keep them.</param>
    public static async Task<int> RunAsync(string kind, string uri, string sizes, TimeSpan window)
    {
        long requests = 0;
        await using var client = new ConclaveClient(Stores.Open(kind == "ours" ? uri : "memory:", () => Interlocked.Increment(ref requests)), new() { SessionTimeToLive = TimeSpan.FromSeconds(15) });
        await using var hand = kind == "ours" ? null : await Contender.ConnectAsync(kind, uri, TimeSpan.FromMinutes(10));
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = 64 };
        var held = new ConcurrentQueue<object>();
        async Task TakeAsync(int number) => held.Enqueue(hand is null ? await client.Lock($"held/{number}").AcquireAsync() : await hand.TakeAsync($"held/{number}"));
        await Parallel.ForAsync(0, 500, parallel, async (i, _) =>
        {
            if (hand is null)
            {
                await Measure.AcquireAndReleaseAsync(client.Lock($"warm/{i % 64}"));
            }
            else if (i < 64)
            {
                await (await hand.TakeAsync($"warm/{i}"))();
            }
        });
        int count = 0;
        foreach (int size in sizes.Split(',').Select(n => int.Parse(n, CultureInfo.InvariantCulture)))
        {
            long before = GC.GetTotalMemory(forceFullCollection: true);
            long start = TimeProvider.System.GetTimestamp();
            await Parallel.ForAsync(count, size, parallel, async (i, _) => await TakeAsync(i));
            double milliseconds = TimeProvider.System.GetElapsedTime(start).TotalMilliseconds;
            long memory = GC.GetTotalMemory(forceFullCollection: true) - before;
            long asked = Interlocked.Read(ref requests);
            await Task.Delay(size >= 10_000 ? window : TimeSpan.Zero, TimeProvider.System);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{size} {milliseconds / (size - count):R} {memory / (double)(size - count):R} {Interlocked.Read(ref requests) - asked}"));
            count = size;
            await Console.In.ReadLineAsync();
        }

        GC.KeepAlive(held);

        // the session's end, or the server's, lets go of all of them
        Environment.Exit(0);
        return 0;
    }
}
