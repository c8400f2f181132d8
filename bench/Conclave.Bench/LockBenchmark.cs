using System.Diagnostics;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>A pair of calls that a lock is compared to.</summary>
/// <param name="Name">What it is.</param>
/// <param name="PairAsync">Takes and gives back, for one of the workers.</param>
/// <param name="Share">The share of its throughput at 64 names that is our target, or null for none.</param>
/// <param name="SequentialShare">The share of its throughput by one caller that is our target, or null for none.</param>
/// <param name="Latency">The multiple of its sequential latency that is our target, or null for none.</param>
internal sealed record Rival(string Name, Func<int, Task> PairAsync, double? Share = null, double? SequentialShare = null, double? Latency = null);

/// <summary>A lock over one engine, on a real server: what it costs beside the same thing done by hand.</summary>
/// <param name="name">The engine.</param>
/// <param name="open">Opens a store in a namespace.</param>
internal sealed class LockBenchmark(string name, Func<string, IStore> open)
{
    public const int Workers = 64;

    /// <summary>How many requests an acquire and a release are.</summary>
    public async Task CountAsync(ConclaveClient client, Func<Task<long>> requests, int pairs)
    {
        await Measure.AcquireAndReleaseAsync(client.Lock("warm"));
        long least = long.MaxValue;
        for (int i = 0; i < 5; i++)
        {
            // some requests go on in the background: the least of several tries is what the lock needs
            long before = await requests();
            for (int k = 0; k < pairs; k++)
            {
                await Measure.AcquireAndReleaseAsync(client.Lock("x"));
            }

            least = Math.Min(least, await requests() - before);
        }

        double each = least / (double)pairs;
        Report.Row($"{name}: requests of an uncontended acquire and its release", Report.Of($"{each:0.##}"), "2", Math.Round(each, 1) <= 2);
    }

    /// <summary>What it takes to hold 10,000 locks.</summary>
    public async Task HoldAsync(Func<ConclaveOptions, ConclaveClient> connect, Func<Task<long>> requests, TimeSpan timeToLive)
    {
        const int intervals = 6;
        var counts = new List<double>();
        foreach (int locks in (int[])[10, 10_000])
        {
            await using var client = connect(new() { SessionTimeToLive = timeToLive });
            await Parallel.ForAsync(0, locks, new ParallelOptions { MaxDegreeOfParallelism = Workers }, async (i, cancellation) => await client.Lock($"held/{i}").AcquireAsync(cancellation));
            long before = await requests();
            await Task.Delay(timeToLive / 3 * intervals, TimeProvider.System);
            counts.Add((await requests() - before) / (double)intervals);
        }

        Report.Row(
            $"{name}: requests to hold 10,000 locks, per renewal interval of {timeToLive.TotalSeconds / 3:0.#} s",
            Report.Of($"{counts[1]:0.#} ({counts[0]:0.#} to hold 10)"), "as many as for 10", counts[1] <= counts[0] + 1);
    }

    /// <summary>Throughput and latency, in turns.</summary>
    public async Task CompareAsync(int each, int sequential, params Rival[] rivals)
    {
        await using var client = new ConclaveClient(open("compare"));
        Task LockAsync(int worker) => Measure.AcquireAndReleaseAsync(client.Lock($"name/{worker}"));
        for (int i = 0; i < Workers; i++)
        {
            await LockAsync(i);
        }

        Func<int, Task>[] all = [LockAsync, .. rivals.Select(r => r.PairAsync)];
        var many = await Measure.InTurnsAsync([.. all.Select(pair => (Func<Task<double>>)(() => Measure.RateAsync(pair, Workers, each)))]);
        var one = await Measure.InTurnsAsync([.. all.Select(pair => (Func<Task<double>>)(() => Measure.MedianAsync(() => pair(0), sequential)))]);
        for (int i = 0; i < rivals.Length; i++)
        {
            var rival = rivals[i];
            double share = Measure.Ratio(many[0], many[i + 1]);
            Report.Row(
                $"{name}: acquire + release at {Workers} names against {rival.Name}",
                Report.Of($"{share * 100:0} % ({Report.Median(many[0]):0} of {Report.Median(many[i + 1]):0} pairs/s)"),
                rival.Share is { } least ? Report.Of($"≥ {least * 100:0} %") : "–",
                rival.Share is null ? null : share >= rival.Share);
            double latency = Measure.Ratio(one[0], one[i + 1]);
            string target = rival.Latency is { } most ? Report.Of($"≤ {most:0.##} ×") : rival.SequentialShare is { } leastOne ? Report.Of($"≤ {1 / leastOne:0.##} × ({leastOne * 100:0} % of its throughput)") : "–";
            Report.Row(
                $"{name}: one caller's acquire + release against {rival.Name}",
                Report.Of($"{latency:0.00} × ({Report.Median(one[0]):0.000} ms, {Report.Median(one[i + 1]):0.000} ms)"),
                target,
                rival.Latency is { } atMost ? latency <= atMost : rival.SequentialShare is { } share1 ? 1 / latency >= share1 : null);
        }
    }

    /// <summary>From the call of a release to the grant of who waits, between two clients.</summary>
    /// <returns>The median, in milliseconds.</returns>
    public async Task<double> HandOffAsync()
    {
        const int handOffs = 300;
        await using var one = new ConclaveClient(open("hand-off"));
        await using var two = new ConclaveClient(open("hand-off"));
        var times = new List<double>(handOffs);
        var holder = await one.Lock("x").AcquireAsync();
        for (int i = 0; i < handOffs; i++)
        {
            var next = (i % 2 == 0 ? two : one).Lock("x").AcquireAsync().AsTask();
            while ((await (i % 2 == 0 ? one : two).Lock("x").InspectAsync()).Waiters.IsEmpty)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System);
            }

            // until it waits for the store's word
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
            var watch = Stopwatch.StartNew();
            await holder.DisposeAsync();
            holder = await next;
            times.Add(watch.Elapsed.TotalMilliseconds);
        }

        await holder.DisposeAsync();
        Report.Row(
            $"{name}: hand-off between two clients",
            Report.Of($"p50 {Report.Median(times):0.00} ms, p99 {Report.Percentile(times, 0.99):0.00} ms ({handOffs} hand-offs)"), "–", null);
        return Report.Median(times);
    }

    /// <summary>The same hand-off by what people write today: who waits tries again and again.</summary>
    /// <param name="handOff">The median of ours, in milliseconds.</param>
    /// <param name="snippet">What it is.</param>
    /// <param name="tryAsync">Tries to take the lock, as one of two.</param>
    /// <param name="releaseAsync">Gives it back, as one of two.</param>
    public async Task PollAsync(double handOff, string snippet, Func<int, Task<bool>> tryAsync, Func<int, Task> releaseAsync)
    {
        foreach (int pause in (int[])[10, 50, 100])
        {
            const int handOffs = 40;
            var times = new List<double>(handOffs);
            while (!await tryAsync(0))
            {
            }

            for (int i = 0; i < handOffs; i++)
            {
                int waiter = 1 - (i % 2);
                var next = Task.Run(async () =>
                {
                    while (!await tryAsync(waiter))
                    {
                        await Task.Delay(TimeSpan.FromMilliseconds(pause), TimeProvider.System);
                    }
                });

                // a release comes at any moment between two tries
                await Task.Delay(TimeSpan.FromMilliseconds(pause * (1 + Random.Shared.NextDouble())), TimeProvider.System);
                var watch = Stopwatch.StartNew();
                await releaseAsync(1 - waiter);
                await next;
                times.Add(watch.Elapsed.TotalMilliseconds);
            }

            await releaseAsync(handOffs % 2);
            double median = Report.Median(times);
            Report.Row(
                $"{name}: hand-off beside {snippet}, tried every {pause} ms",
                Report.Of($"{median / handOff:0.0} × faster ({handOff:0.00} ms, {median:0.0} ms)"),
                pause == 50 ? "≥ 10 × faster" : "–",
                pause == 50 ? median >= 10 * handOff : null);
        }
    }
}
