namespace Conclave.Testing;

public static partial class ClaimConformance
{
    /// <summary>Right before and right after the first, the second, the third call to the store, and so on, with and without somebody ahead.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task CancellingAtEveryCallLeavesNothingBehind(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        int cancelled = 0;
        foreach (var (contended, before) in ((bool, bool)[])[(false, true), (false, false), (true, true), (true, false)])
        {
            // storms of hints make calls without end
            bool reached = true;
            for (int n = 1; reached && n <= 12; n++)
            {
                (reached, bool gaveUp) = await CancelAtAsync(rig, contended, before, n).ConfigureAwait(false);
                cancelled += gaveUp ? 1 : 0;
            }
        }

        Check.That(cancelled >= 8, $"too weak: only {cancelled} acquires were cancelled");
    });

    /// <summary>A turn of the local queue that comes in the very moment of a cancellation is passed on.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ALocalTurnThatMeetsACancellationIsNotLost(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        for (int i = 0; i < (rig.IsPlain ? 100 : 20); i++)
        {
            var held = await client.AcquireAsync().ConfigureAwait(false);
            using var cancel = new CancellationTokenSource();
            var waiting = client.Lock().AcquireAsync(cancel.Token).AsTask();
            var released = held.ReleaseAsync().AsTask();

            // on this thread: the turn is given, and whoever got it has not gone on yet
#pragma warning disable CA1849
            cancel.Cancel();
#pragma warning restore CA1849
            _ = await rig.EventuallyAsync(released, "a release ends").ConfigureAwait(false);
            try
            {
                var claim = await rig.EventuallyAsync(waiting, "an acquire is cancelled or granted").ConfigureAwait(false);
                _ = await client.ReleaseAsync(claim).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // the next round shows whether the turn was passed on
            }
        }
    });

    /// <summary>A release and a cancellation at random moments.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task CancellingAtAnyMomentLeavesNothingBehind(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var random = new Random(harness.Seed);
        int cancelled = 0;
        int granted = 0;
        int rounds = rig.IsPlain ? 100 : 25;
        for (int i = 0; i < rounds || (i < 1000 && (cancelled == 0 || granted == 0)); i++)
        {
            var held = await one.AcquireAsync().ConfigureAwait(false);
            using var cancel = new CancellationTokenSource();
            var waiting = two.Lock().AcquireAsync(cancel.Token).AsTask();
            var (release, cancellation) = (random.Next(2000), random.Next(1 << random.Next(10, 22)));
            await rig.EventuallyAsync(
                Task.WhenAll(
                    Task.Run(() => Later(release, () => held.DisposeAsync().AsTask())),
                    Task.Run(() => Later(cancellation, cancel.CancelAsync))),
                "a release and a cancellation end").ConfigureAwait(false);
            try
            {
                var claim = await rig.EventuallyAsync(waiting, "an acquire is cancelled or granted").ConfigureAwait(false);
                await two.ReleaseAsync(claim).ConfigureAwait(false);
                granted++;
            }
            catch (OperationCanceledException)
            {
                cancelled++;
            }

            await rig.QueueBecomesAsync(0).ConfigureAwait(false);
        }

        Check.That(cancelled > 0 && granted > 0, $"too weak: {cancelled} cancelled, {granted} granted");

        static Task Later(int turns, Func<Task> then)
        {
            Thread.SpinWait(turns);
            return then();
        }
    });

    /// <returns>Whether the call was made, and whether the acquire gave up.</returns>
    private static async Task<(bool Reached, bool GaveUp)> CancelAtAsync(ClaimRig rig, bool contended, bool before, int n)
    {
        var (holder, client) = (rig.Client(), rig.Client());
        var held = contended ? await holder.AcquireAsync().ConfigureAwait(false) : null;
        using var cancel = new CancellationTokenSource();
        int calls = 0;
        client.Store.OnCall = isBefore =>
        {
            if (isBefore == before && Interlocked.Increment(ref calls) == n)
            {
                cancel.Cancel();
            }
        };
        var acquire = client.Lock().AcquireAsync(cancel.Token).AsTask();
        if (held is not null)
        {
            await rig.UntilAsync(
                async () => acquire.IsCompleted || (await rig.QueueAsync().ConfigureAwait(false)).Length == 2, "an acquire is cancelled or stands in the queue").ConfigureAwait(false);
            await holder.ReleaseAsync(held).ConfigureAwait(false);
        }

        bool gaveUp = false;
        try
        {
            var claim = await rig.EventuallyAsync(acquire, "an acquire is cancelled or granted").ConfigureAwait(false);
            Check.That(claim.IsHeld, "what was granted is held");
            await client.ReleaseAsync(claim).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            gaveUp = true;
        }

        bool reached = Volatile.Read(ref calls) >= n;
        client.Store.OnCall = null;
        await rig.QueueBecomesAsync(0).ConfigureAwait(false);

        // and the client is as good as new
        var again = await client.AcquireEventuallyAsync().ConfigureAwait(false);
        await client.ReleaseAsync(again).ConfigureAwait(false);
        return (reached, gaveUp);
    }
}
