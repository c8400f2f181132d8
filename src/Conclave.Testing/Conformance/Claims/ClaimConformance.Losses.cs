using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ClaimConformance
{
    /// <summary>Stopped for two times to live, and continued: nobody told it anything.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AfterAPauseTheFirstLookTellsTheTruthAndTheLateWriteIsRefused(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var resource = new FencedResource();
        var first = await one.AcquireAsync().ConfigureAwait(false);
        Check.That(resource.Write(first.Token, "first"), "the holder may write");
        one.Clock.Jump(rig.TimeToLive * 2);
        Check.That(!first.IsHeld, "after a pause the first look tells that the claim is lost");
        Check.Equal((ClaimState.Lost, TimeSpan.Zero), (first.State, first.SafeTime), "what a claim says of itself after a pause");

        // the others get it although nobody gave it up, and the process that was paused may ask again
        var second = await two.AcquireEventuallyAsync().ConfigureAwait(false);
        Check.That(second.Token > first.Token, $"the later token {second.Token} is larger than {first.Token}");
        Check.That(resource.Write(second.Token, "second"), "the next holder may write");
        Check.That(!resource.Write(first.Token, "late") && resource.Content == "second", "the late write of who was paused is refused");
        var waiting = await one.QueueUpAsync(2).ConfigureAwait(false);
        await two.ReleaseAsync(second).ConfigureAwait(false);
        var third = await one.GrantedEventuallyAsync(waiting).ConfigureAwait(false);
        await rig.EventuallyAsync(first.DisposeAsync().AsTask(), "a lost claim is disposed").ConfigureAwait(false);
        Check.That(third.IsHeld && third.Token > second.Token, "disposing a lost claim does not touch the later one");
        await rig.QueueBecomesAsync(1).ConfigureAwait(false);
    });

    /// <summary>Ended from outside, noticed with the next renewal.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ASessionThatTheStoreHasForgottenIsLostWithTheNextRenewal(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var claim = await client.AcquireAsync().ConfigureAwait(false);
        int signals = 0;
        using var registration = claim.Lost.Register(() => Interlocked.Increment(ref signals));
        var session = (await rig.QueueAsync().ConfigureAwait(false)).Single().Session;
        await rig.KillAsync(claim).ConfigureAwait(false);
        long start = rig.Clock.GetTimestamp();
        await rig.UntilAsync(() => Volatile.Read(ref signals) == 1, "the loss is signalled").ConfigureAwait(false);
        Check.That(!rig.StandsStill || rig.Clock.GetElapsedTime(start) < rig.TimeToLive / 2, $"the next renewal tells the loss, not the deadline: it took {rig.Clock.GetElapsedTime(start)}");
        Check.Equal((false, ClaimState.Lost), (claim.IsHeld, claim.State), "a claim whose session the store has forgotten");
        var next = await client.AcquireEventuallyAsync().ConfigureAwait(false);
        Check.That(next.IsHeld && next.Token > claim.Token, "the client goes on with a larger token");
        Check.That((await rig.QueueAsync().ConfigureAwait(false)).Single().Session != session, "the client goes on with a new session");
        Check.Equal(1, signals, "how often a loss was signalled");
    });

    /// <summary>A virtual machine that was paused, or an administrator.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AWallClockThatRanAheadMakesAClaimUncertainUntilARenewalAnswers(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var claim = await client.AcquireAsync().ConfigureAwait(false);
        var (begun, hold) = (rig.NewHold(), rig.NewHold());
        client.Store.OnRenew = async next =>
        {
            begun.TrySetResult();
            await hold.Task.ConfigureAwait(false);
            return await next().ConfigureAwait(false);
        };
        client.Clock.StepWallClock(TimeSpan.FromMinutes(5));
        Check.Equal((false, ClaimState.AtRisk), (claim.IsHeld, claim.State), "a claim whose wall clock ran ahead");
        await rig.SoonAsync(begun.Task, "a wall clock that ran ahead forces a renewal").ConfigureAwait(false);
        Check.That(!claim.IsHeld, "a claim is uncertain until the renewal answers");
        hold.SetResult();
        await rig.UntilAsync(() => claim.IsHeld, "a claim is held again after a renewal").ConfigureAwait(false);
        Check.That(!claim.Lost.IsCancellationRequested, "uncertain is not lost");
        client.Clock.StepWallClock(TimeSpan.FromHours(-1));
        Check.That(claim.IsHeld && (!rig.StandsStill || claim.State == ClaimState.Safe), $"a wall clock that was set back changes nothing: {claim.State}");
    });

    /// <summary>The end of a client is the end of its claims.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task DisposingAClientReleasesItsClaimsAndTellsWhoHoldsThem(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var held = await one.AcquireAsync().ConfigureAwait(false);
        var told = rig.NewHold();
        using var registration = held.Lost.Register(() => told.SetResult());
        var waiting = await two.QueueUpAsync(2).ConfigureAwait(false);
        await rig.SoonAsync(one.Client.DisposeAsync().AsTask(), "a client is disposed").ConfigureAwait(false);
        _ = await two.GrantedAsync(waiting).ConfigureAwait(false);
        await rig.SoonAsync(told.Task, "the end of a client is told as a loss").ConfigureAwait(false);
        Check.Equal((false, ClaimState.Lost), (held.IsHeld, held.State), "a claim whose client was disposed");
        await rig.SoonAsync(held.DisposeAsync().AsTask(), "a claim is disposed after its client").ConfigureAwait(false);
        Check.That(held.Lost.IsCancellationRequested, "a loss stays a loss");
        _ = await Check.ThrowsAsync<ObjectDisposedException>(() => one.Lock().AcquireAsync().AsTask(), "an acquire after the client was disposed").ConfigureAwait(false);
    });

    /// <summary>Nothing outlives its client: no wait, no timer, no session.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task DisposingAClientEndsEverythingThatWaits(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        _ = await one.AcquireAsync().ConfigureAwait(false);
        _ = await two.AcquireAsync("y").ConfigureAwait(false);
        var queued = await two.QueueUpAsync(2).ConfigureAwait(false);
        var limited = two.Lock("y").AcquireAsync(TimeSpan.FromHours(1)).AsTask();
        await Task.WhenAll(two.Client.DisposeAsync().AsTask(), rig.SoonAsync(two.Client.DisposeAsync().AsTask(), "a client is disposed")).ConfigureAwait(false);
        Check.Equal(1, two.Store.Disposals, "how often a client that is disposed twice disposed its store");
        _ = await Check.ThrowsAsync<ObjectDisposedException>(() => rig.SoonAsync(queued.Task, "a wait ends with its client"), "a wait whose client is disposed").ConfigureAwait(false);
        _ = await Check.ThrowsAsync<ObjectDisposedException>(() => rig.SoonAsync(limited, "a local wait ends with its client"), "a local wait whose client is disposed").ConfigureAwait(false);
        await rig.QueueBecomesAsync(1).ConfigureAwait(false);
        await rig.SoonUntilAsync(() => two.Store.PendingWaits == 0, "no wait outlives its client").ConfigureAwait(false);
    });

    /// <summary>An outage that cost the session leaves a client that can be disposed.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AfterAnOutageThatCostTheSessionAClientIsDisposedAsAlways(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.HastyClient();
        var claim = await AcquireHastilyAsync(rig, client).ConfigureAwait(false);
        client.Store.OnRenew = _ => throw new StoreUnavailableException("cut off");
        client.Store.OnOpen = _ => throw new StoreUnavailableException("cut off");
        await rig.UntilAsync(() => claim.State == ClaimState.Lost, "a claim without renewals is lost").ConfigureAwait(false);
        for (int i = 0; i < 3; i++)
        {
            _ = await Check.ThrowsAsync<StoreUnavailableException>(
                () => rig.EventuallyAsync(client.Lock($"y{i}").AcquireAsync().AsTask(), "an acquire ends when the store is down"), "an acquire when the store is down").ConfigureAwait(false);
        }

        await rig.EventuallyAsync(Task.WhenAll(client.Client.DisposeAsync().AsTask(), client.Client.DisposeAsync().AsTask()), "a client is disposed after an outage").ConfigureAwait(false);
    });
}
