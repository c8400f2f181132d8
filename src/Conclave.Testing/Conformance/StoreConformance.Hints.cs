using Conclave.Storage;

namespace Conclave.Testing;

public static partial class StoreConformance
{
    /// <summary>Put, put of equal bytes, delete, close.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task EveryKindOfChangeWakes(StoreHarness harness)
    {
        var store = Connect(harness);
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(false)).Id;
        long revision = (await store.CommitAsync(new()).ConfigureAwait(false)).Revision;
        foreach (var (what, change) in ((string, Func<Task>)[])[
            ("a put", () => store.PutAsync("h/1", default, session).AsTask()),
            ("a put of equal bytes", () => store.PutAsync("h/1", default, session).AsTask()),
            ("a delete", () => store.DeleteAsync("h/1").AsTask()),
            ("another put", () => store.PutAsync("h/2", default, session).AsTask()),
            ("the end of a session", () => store.CloseSessionAsync(session).AsTask())])
        {
            var wait = store.WaitForChangeAsync("h/", revision).AsTask();
            await change().ConfigureAwait(false);
            revision = await ChangedAsync(harness, store, wait, revision, what).ConfigureAwait(false);
        }
    }

    /// <summary>Expiry writes nothing by itself on some engines, and wakes on all.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task ExpiryWakes(StoreHarness harness)
    {
        var store = Connect(harness);
        var (session, timeToLive) = await store.OpenSessionAsync(StoreLimits.MinTimeToLive).ConfigureAwait(false);
        await store.PutAsync("h", default, session).ConfigureAwait(false);
        long revision = (await store.CommitAsync(new()).ConfigureAwait(false)).Revision;
        int wakeUps = 0;
        long start = harness.Clock.GetTimestamp();
        while (await store.GetAsync("h").ConfigureAwait(false) is not null)
        {
            // nobody calls the store meanwhile: the expiry itself must wake
            var wait = store.WaitForChangeAsync("h", revision).AsTask();
            await harness.UntilAsync(() => new(wait.IsCompleted), "a wait ends").ConfigureAwait(false);
            revision = await wait.ConfigureAwait(false);
            wakeUps++;
        }

        var bound = store.Description.LatestExpiry(timeToLive) + (harness.FollowsClock ? TimeSpan.FromMilliseconds(500) : TimeSpan.FromSeconds(3));
        var elapsed = harness.Clock.GetElapsedTime(start);
        Check.That(elapsed <= bound, $"the wake-up by an expiry came after {elapsed}, the bound is {bound}");

        Check.That(wakeUps - harness.Faults(ChaosFault.SpuriousHint) <= 10, $"a wait is not a spin: {wakeUps} wake-ups for one expiry");
    }

    /// <summary>Several that wait for the same, and for more or less.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task EverybodyWhoWaitsIsWoken(StoreHarness harness)
    {
        var store = Connect(harness);
        for (int i = 0; i < 5; i++)
        {
            long revision = (await store.CommitAsync(new()).ConfigureAwait(false)).Revision;
            var waits = ((string[])["h/", "h/", "h/x", "h/x", "h", ""]).Select(p => store.WaitForChangeAsync(p, revision).AsTask()).ToArray();
            await store.PutAsync("h/x", default).ConfigureAwait(false);
            foreach (var wait in waits)
            {
                _ = await harness.SoonAsync(wait, "the wake-up of everybody who waits").ConfigureAwait(false);
            }
        }
    }

    /// <summary>A reader that looked long ago, and waits only now: whatever a store remembers, it has forgotten.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task AWaiterFarBehindIsWoken(StoreHarness harness)
    {
        const int writers = 8;
        var store = Connect(harness);
        var other = Connect(harness);
        long revision = (await store.CommitAsync(new(reads: [Read.Scan("h/")])).ConfigureAwait(false)).Revision;
        var session = (await other.OpenSessionAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(false)).Id;
        await other.PutAsync("h/x", default).ConfigureAwait(false);
        await Task.WhenAll(Enumerable.Range(0, writers).Select(w => Task.Run(async () =>
        {
            for (int i = 0; i < 3400 / writers; i++)
            {
                if (i % 100 == 0)
                {
                    _ = await other.RenewSessionAsync(session).ConfigureAwait(false);
                }

                // more keys than are remembered in one process, and more commits than are remembered for others, but with fewer keys
                var one = Write.Put(Key("a", w), default, session);
                await other.CommitAsync(new(writes: i < 1000 / writers ? [one, Write.Put(Key("b", w), default, session)] : [one])).ConfigureAwait(false);
            }
        }))).ConfigureAwait(false);
        var wait = store.WaitForChangeAsync("h/", revision).AsTask();
        _ = await harness.SoonAsync(wait, "the wake-up by a change long ago").ConfigureAwait(false);
    }

    /// <summary>Release, then wait.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task AChangeBetweenTheReadAndTheWaitIsNotMissed(StoreHarness harness)
    {
        var store = Connect(harness);
        var other = Connect(harness);
        for (int i = 0; i < 20; i++)
        {
            await store.PutAsync("h", default).ConfigureAwait(false);
            long revision = (await store.CommitAsync(new(reads: [Read.Get("h")])).ConfigureAwait(false)).Revision;
            await (i % 2 == 0 ? store : other).DeleteAsync("h").ConfigureAwait(false);
            var wait = store.WaitForChangeAsync("h", revision).AsTask();
            _ = await ChangedAsync(harness, store, wait, revision, "a delete before the wait").ConfigureAwait(false);
        }
    }

    /// <summary>Hints cross from store object to store object.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task AChangeByAnotherStoreObjectWakes(StoreHarness harness)
    {
        var store = Connect(harness);
        var other = Connect(harness);
        long revision = (await store.CommitAsync(new()).ConfigureAwait(false)).Revision;
        for (int i = 0; i < 20; i++)
        {
            var wait = store.WaitForChangeAsync("h/", revision).AsTask();
            await Task.Yield();
            await (i % 2 == 0 ? other.PutAsync("h/x", default).AsTask() : other.DeleteAsync("h/x").AsTask()).ConfigureAwait(false);
            revision = await ChangedAsync(harness, store, wait, revision, "a change by another store object").ConfigureAwait(false);
        }
    }

    /// <summary>A ping-pong of two that only wake each other: a lost wake-up stops it, and is seen because the clock stands still.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task NoWakeUpIsLostInARace(StoreHarness harness)
    {
        const int turns = 150;
        var stores = new[] { Connect(harness), Connect(harness) };
        await stores[0].PutAsync("turn", Bytes("0")).ConfigureAwait(false);
        var players = Enumerable.Range(0, 2).Select(me => Task.Run(async () =>
        {
            while (true)
            {
                var result = await stores[me].CommitAsync(new(reads: [Read.Get("turn")])).ConfigureAwait(false);
                int turn = int.Parse(Text(result.Get(0)!), System.Globalization.CultureInfo.InvariantCulture);
                if (turn >= turns)
                {
                    return turn;
                }

                if (turn % 2 == me)
                {
                    await stores[me].PutAsync("turn", Bytes((turn + 1).ToString(System.Globalization.CultureInfo.InvariantCulture))).ConfigureAwait(false);
                }
                else
                {
                    _ = await stores[me].WaitForChangeAsync("turn", result.Revision).ConfigureAwait(false);
                }
            }
        })).ToArray();
        foreach (var player in players)
        {
            _ = await harness.SoonAsync(player, $"{turns} turns, each after a wake-up").ConfigureAwait(false);
        }
    }

    /// <summary>Silence ends.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task AWaitEndsAfterTheLongestSilence(StoreHarness harness)
    {
        var store = Connect(harness);
        await store.PutAsync("x", default).ConfigureAwait(false);
        long revision = (await store.CommitAsync(new()).ConfigureAwait(false)).Revision;
        long start = harness.Clock.GetTimestamp();
        var wait = store.WaitForChangeAsync("silent/", revision).AsTask();
        await harness.UntilAsync(() => new(wait.IsCompleted), "a wait ends without a change").ConfigureAwait(false);
        var silence = harness.Clock.GetElapsedTime(start);
        var bound = store.Description.MaxSilence + TimeSpan.FromSeconds(2);
        Check.That(silence <= bound, $"the silence lasted {silence}, the bound is {bound}");
        _ = await wait.ConfigureAwait(false);
    }

    /// <summary>Three thousand changes elsewhere, also right after a deletion under the quiet prefix.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task AQuietPrefixInABusyNamespaceIsLeftInPeace(StoreHarness harness)
    {
        var store = Connect(harness);
        var other = Connect(harness);
        await store.PutAsync("quiet/gone", default).ConfigureAwait(false);
        await store.DeleteAsync("quiet/gone").ConfigureAwait(false);
        long revision = (await store.CommitAsync(new()).ConfigureAwait(false)).Revision;
        using var stop = new CancellationTokenSource();
        int wakeUps = 0;
        var waits = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var waiter = Task.Run(async () =>
        {
            try
            {
                waits.SetResult();
                while (true)
                {
                    revision = await store.WaitForChangeAsync("quiet/", revision, stop.Token).ConfigureAwait(false);
                    Interlocked.Increment(ref wakeUps);
                }
            }
            catch (OperationCanceledException)
            {
            }
        });
        // with a turn for the waiter after each change, and long enough: one that spins shows it on a fast store and a busy machine too
        await waits.Task.ConfigureAwait(false);
        long start = TimeProvider.System.GetTimestamp();
        int changes = 0;
        for (; changes < 3000 || TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromMilliseconds(200); changes++)
        {
            await (changes % 2 == 0 ? store : other).PutAsync(Key("busy", changes % 10), default).ConfigureAwait(false);
            await Task.Yield();
        }

        await stop.CancelAsync().ConfigureAwait(false);
        await waiter.ConfigureAwait(false);
        Check.That(wakeUps - harness.Faults(ChaosFault.SpuriousHint) <= 30, $"{wakeUps} wake-ups of a quiet prefix during {changes} changes elsewhere");
    }

    /// <summary>Cancelled before it began.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task ACancelledCallThatWasNotSentAppliesNothing(StoreHarness harness)
    {
        var store = Connect(harness);
        _ = await Check.ThrowsAsync<OperationCanceledException>(
            () => store.PutAsync("a", default, cancellationToken: new(canceled: true)).AsTask(), "a put that was cancelled before it began").ConfigureAwait(false);
        Check.That(await store.GetAsync("a").ConfigureAwait(false) is null, "a cancelled put applies nothing");
    }

    /// <summary>Cancelled while it waits.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task ACancelledWaitEndsAtOnce(StoreHarness harness)
    {
        var store = Connect(harness);
        await store.PutAsync("x", default).ConfigureAwait(false);
        long revision = (await store.CommitAsync(new()).ConfigureAwait(false)).Revision;
        bool cancelled = false;
        for (int endings = 0; !cancelled; endings++)
        {
            using var cancel = new CancellationTokenSource();
            var wait = store.WaitForChangeAsync("quiet", revision, cancel.Token).AsTask();
            await cancel.CancelAsync().ConfigureAwait(false);
            try
            {
                // a wait may end for no reason before it is cancelled, as the first ones do where a watch is opened for them, but not every time
                revision = await harness.SoonAsync(wait, "a cancelled wait ends").ConfigureAwait(false);
                Check.That(harness.IsChaotic || endings < 20, "a cancelled wait ends with OperationCanceledException");
            }
            catch (OperationCanceledException)
            {
                cancelled = true;
            }
        }
    }

    /// <summary>Nothing outlives its owner.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task DisposingEndsEveryWaitAndLaterCallsAreRefused(StoreHarness harness)
    {
        var store = Connect(harness);
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(false)).Id;
        await store.PutAsync("x", default, session).ConfigureAwait(false);
        long revision = (await store.CommitAsync(new()).ConfigureAwait(false)).Revision;
        var wait = WaitForEverAsync();
        await store.DisposeAsync().ConfigureAwait(false);
        await store.DisposeAsync().ConfigureAwait(false);
        _ = await Check.ThrowsAsync<ObjectDisposedException>(() => harness.SoonAsync(wait, "a wait ends with its store"), "a wait whose store is disposed").ConfigureAwait(false);
        _ = await Check.ThrowsAsync<ObjectDisposedException>(() => store.CommitAsync(new()).AsTask(), "a commit after the end").ConfigureAwait(false);
        _ = await Check.ThrowsAsync<ObjectDisposedException>(() => store.OpenSessionAsync(TimeSpan.FromSeconds(5)).AsTask(), "a session after the end").ConfigureAwait(false);

        async Task<long> WaitForEverAsync()
        {
            while (true)
            {
                revision = await store.WaitForChangeAsync("quiet", revision).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Waits, without time passing, until something has changed: hints may come for no reason.</summary>
    private static async Task<long> ChangedAsync(StoreHarness harness, IStore store, Task<long> wait, long after, string what)
    {
        long next = await harness.SoonAsync(wait, $"the wake-up by {what}").ConfigureAwait(false);
        while (next <= after)
        {
            next = await harness.SoonAsync(store.WaitForChangeAsync("h", after).AsTask(), $"the wake-up by {what}").ConfigureAwait(false);
        }

        return next;
    }
}
