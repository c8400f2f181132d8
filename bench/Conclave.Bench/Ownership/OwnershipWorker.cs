using System.Globalization;
using Conclave.Alternatives;
using Conclave.Ownership;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>A process of the benchmark of ownership: ours, the original's algorithm, or nobody. Times are of the boot clock.</summary>
internal sealed class OwnershipWorker(string kind, CountingStore store)
{
    private static readonly TimeSpan Acquire = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(400);

    private readonly BootTimeProvider _clock = new();
    private readonly List<string> _lines = [];

    private static OwnershipWorker Of(string kind, string uri) => new(kind, new(Stores.Open(uri)));

    /// <summary>One ownership. Says when it began and ended, and what it cost.</summary>
    public static Task<int> BurstAsync(string kind, string uri, string key, TimeSpan hold) => Of(kind, uri).RunAsync(async (worker, own) =>
    {
        await worker.OnceAsync(own, key, hold);
        return false;
    });

    /// <summary>Thinks, owns, thinks, for a time.</summary>
    public static Task<int> LoopAsync(string kind, string uri, string key, TimeSpan span) => Of(kind, uri).ForAsync(span, async (worker, own) =>
    {
        await Task.Delay(TimeSpan.FromMilliseconds(Math.Min(1000, -100 * Math.Log(1 - Random.Shared.NextDouble()))), TimeProvider.System);
        await worker.OnceAsync(own, key, TimeSpan.FromMilliseconds(25 + Random.Shared.Next(50)));
    });

    /// <summary>Changes one entry again and again by get and compare-and-set, under an ownership or without.</summary>
    public static Task<int> UpdateAsync(string kind, string uri, string key, TimeSpan span) => Of(kind, uri).ForAsync(span, async (worker, own) =>
    {
        long asked = worker._clock.GetTimestamp();
        var giveUp = await own(key);
        int retries = await worker.ChangeAsync($"bench/{key}");
        await giveUp();
        worker._lines.Add(string.Create(CultureInfo.InvariantCulture, $"{asked} {worker._clock.GetTimestamp()} {retries}"));
    });

    private async Task OnceAsync(Func<string, Task<Func<Task>>> own, string what, TimeSpan hold)
    {
        long asked = _clock.GetTimestamp();
        var giveUp = await own(what);
        long granted = _clock.GetTimestamp();
        await Task.Delay(hold, TimeProvider.System);
        long ended = _clock.GetTimestamp();
        await giveUp();
        _lines.Add(string.Create(CultureInfo.InvariantCulture, $"{asked} {granted} {ended} {store.Commits} {store.Waits}"));
    }

    private async Task<int> ChangeAsync(string entry)
    {
        var pause = TimeSpan.FromMilliseconds(5);
        for (int retries = 0; ; retries++)
        {
            var before = await store.GetAsync(entry);
            long number = before is null ? 0 : BitConverter.ToInt64(before.Value.Span);

            // what the change is computed from takes its time
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
            if (await store.TryPutAsync(entry, BitConverter.GetBytes(number + 1), before?.Revision ?? 0) is not null)
            {
                return retries;
            }

            await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), TimeProvider.System);
            pause = pause * 2 < TimeSpan.FromSeconds(5) ? pause * 2 : TimeSpan.FromSeconds(5);
        }
    }

    private Task<int> ForAsync(TimeSpan span, Func<OwnershipWorker, Func<string, Task<Func<Task>>>, Task> once)
    {
        long? start = null;
        return RunAsync(async (worker, own) =>
        {
            start ??= _clock.GetTimestamp();
            await once(worker, own);
            return _clock.GetElapsedTime(start.Value) < span;
        });
    }

    private async Task<int> RunAsync(Func<OwnershipWorker, Func<string, Task<Func<Task>>>, Task<bool>> round)
    {
        await using var client = new ConclaveClient(store);
        string me = $"{Environment.ProcessId}";
        var own = OwnerOf(client, me);

        for (int i = 0; i < 3; i++)
        {
            await OnceAsync(own, $"warm/{me}", TimeSpan.Zero);
            await ChangeAsync($"warm/{me}");
        }

        // against somebody else too: to wait and to be handed the key is what all of them will do at once
        await using var rival = new ConclaveClient(store, new() { LeaveStoreOpen = true });
        var rivals = OwnerOf(rival, $"{me}/rival");
        var giveUp = await own($"warm/{me}");
        var next = rivals($"warm/{me}");
        await Task.Delay(Acquire, TimeProvider.System);
        await giveUp();
        await (await next)();

        _lines.Clear();
        store.Reset();
        Console.WriteLine(_clock.GetTimestamp());
        await Console.In.ReadLineAsync();
        while (await round(this, own))
        {
            // until the time is over
        }

        Console.WriteLine(string.Join('\n', _lines));
        return 0;
    }

    private Func<string, Task<Func<Task>>> OwnerOf(ConclaveClient client, string me)
    {
        var ours = client.Owner("bench");
        var original = new OriginalOwner(store, k => $"bench/original/{k}", Acquire, Refresh, TimeProvider.System);
        return async what =>
        {
            switch (kind)
            {
                case "ours":
                    var held = await ours.OwnAsync(what, me);
                    return async () => await held.DisposeAsync();
                case "original":
                    var release = await original.OwnAsync(me, what);
                    return () => release(default);
                default:
                    return () => Task.CompletedTask;
            }
        };
    }
}
