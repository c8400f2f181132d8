using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ClaimConformance
{
    /// <summary>Applied or not, once or often.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AJoinWhoseAnswerIsLostEndsInOneClaim(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        foreach (var (applied, times) in ((bool, int)[])[(true, 1), (false, 1), (false, 3), (true, 3)])
        {
            var client = rig.Client();
            LoseAnswers(client, InterceptedStore.IsJoin, applied, times);
            var claim = await client.AcquireEventuallyAsync().ConfigureAwait(false);
            Check.That(claim.IsHeld, "a join whose answer was lost ends in a claim that is held");
            var mine = await rig.QueueAsync().ConfigureAwait(false);
            Check.Equal(1, mine.Length, $"contenders after the answer of a join was lost {times} times, {(applied ? "applied" : "not applied")}");
            Check.Equal(mine[0].CreateRevision, claim.Token.Value, "the token of the claim, against the contender in the store");
            await client.ReleaseAsync(claim).ConfigureAwait(false);
            await rig.QueueBecomesAsync(0).ConfigureAwait(false);
        }
    });

    /// <summary>Applied or not.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ALeaveWhoseAnswerIsLostIsRepeatedAndCountsAsOurs(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        foreach (bool applied in (bool[])[true, false])
        {
            var client = rig.Client();
            var claim = await client.AcquireAsync().ConfigureAwait(false);
            LoseAnswers(client, InterceptedStore.IsLeave, applied, times: 2);
            Check.That(await client.ReleaseAsync(claim).ConfigureAwait(false), $"a release whose answer was lost, {(applied ? "applied" : "not applied")}, says that the claim was ours");
            Check.Equal(0, (await rig.QueueAsync().ConfigureAwait(false)).Length, "contenders after the release");
        }
    });

    /// <summary>A request that is held on its way and lands when its caller has gone.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AJoinThatLandsAfterItsCancellationLeavesNoGhost(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        _ = await client.AcquireAsync("warm").ConfigureAwait(false);
        var (sent, hold, landed) = (rig.NewHold(), rig.NewHold(), rig.NewHold());
        client.Store.OnCommit = async (transaction, next) =>
        {
            if (!InterceptedStore.IsJoin(transaction))
            {
                return await next().ConfigureAwait(false);
            }

            sent.TrySetResult();
            await hold.Task.ConfigureAwait(false);
            try
            {
                return await next().ConfigureAwait(false);
            }
            finally
            {
                landed.TrySetResult();
            }
        };
        using var cancel = new CancellationTokenSource();
        var acquire = client.Lock().AcquireAsync(cancel.Token).AsTask();
        await rig.SoonAsync(sent.Task, "a join is sent").ConfigureAwait(false);
        await cancel.CancelAsync().ConfigureAwait(false);
        _ = await Check.ThrowsAsync<OperationCanceledException>(() => rig.SoonAsync(acquire, "an acquire that is cancelled ends"), "an acquire that is cancelled").ConfigureAwait(false);
        hold.SetResult();
        await rig.SoonAsync(landed.Task, "the join lands").ConfigureAwait(false);
        await rig.QueueBecomesAsync(0).ConfigureAwait(false);
        var claim = await client.AcquireEventuallyAsync().ConfigureAwait(false);
        Check.That(claim.IsHeld, "the next one of the client gets the lock");
        await rig.QueueBecomesAsync(1).ConfigureAwait(false);
    });

    /// <summary>A request that lands when its caller has long taken another way: not now, and not when the place is free again.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AJoinThatWasGivenUpCannotLandOnceTheSessionHasSettled(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        Transaction? late = null;
        client.Store.OnCommit = (transaction, next) =>
        {
            if (InterceptedStore.IsJoin(transaction) && Interlocked.CompareExchange(ref late, transaction, null) is null)
            {
                throw new OutcomeUnknownException("the request is still on its way");
            }

            return next();
        };
        var claim = await client.AcquireEventuallyAsync().ConfigureAwait(false);
        Check.That(!(await rig.Behind.CommitAsync(late!).ConfigureAwait(false)).Accepted, "a join that comes late is refused while its successor holds");
        Check.That(claim.IsHeld, "the claim is held all the same");
        Check.Equal(1, (await rig.QueueAsync().ConfigureAwait(false)).Length, "contenders after a join came late");

        // it would stand at the head of the queue, and nobody would know of it
        await client.ReleaseAsync(claim).ConfigureAwait(false);
        Check.That(!(await rig.Behind.CommitAsync(late!).ConfigureAwait(false)).Accepted, "a join that comes late is refused when its place is free again");
        Check.Equal(0, (await rig.QueueAsync().ConfigureAwait(false)).Length, "contenders after a join came late to a free place");
    });

    /// <summary>The request is held, repeated, confirmed; then it lands once more, under a later claim.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ALateRepeatOfALeaveNeverRemovesALaterClaim(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var first = await client.AcquireAsync().ConfigureAwait(false);
        Transaction? late = null;
        client.Store.OnCommit = (transaction, next) =>
        {
            if (InterceptedStore.IsLeave(transaction) && Interlocked.CompareExchange(ref late, transaction, null) is null)
            {
                throw new OutcomeUnknownException("the request is still on its way");
            }

            return next();
        };
        Check.That(await client.ReleaseAsync(first).ConfigureAwait(false), "a release that was repeated says that the claim was ours");
        var second = await client.AcquireAsync().ConfigureAwait(false);
        for (int i = 0; i < 2; i++)
        {
            _ = await rig.Behind.CommitAsync(late!).ConfigureAwait(false);
        }

        Check.Equal(second.Token.Value, (await rig.QueueAsync().ConfigureAwait(false)).SingleOrDefault()?.CreateRevision ?? 0, "who stands in the queue after a late leave");
        Check.That(second.IsHeld, "the later claim is held");
        Check.That(await client.ReleaseAsync(second).ConfigureAwait(false), "the later claim was ours until its release");
    });

    /// <summary>A store that is down.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AStoreThatCannotBeJoinedInTimeIsReportedAndNothingIsLeft(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.HastyClient();
        await WarmUpAsync(rig, client).ConfigureAwait(false);
        client.Store.OnCommit = (_, _) => throw new StoreUnavailableException("the server is down");
        var error = await Check.ThrowsAsync<StoreUnavailableException>(
            () => rig.EventuallyAsync(client.Lock().AcquireAsync().AsTask(), "an acquire ends when the store is down"), "an acquire when the store is down").ConfigureAwait(false);
        Check.That(error.IsTransient && error.Message.Contains("the server is down", StringComparison.Ordinal), $"the message tells the cause: {error.Message}");
        client.Store.Reset();
        await WarmUpAsync(rig, client).ConfigureAwait(false);
        await rig.QueueBecomesAsync(0).ConfigureAwait(false);
    });

    /// <summary>A password that is wrong stays wrong.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AnErrorThatNoRepetitionMendsIsReportedAtOnce(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        client.Store.OnOpen = _ => throw new StoreAccessException("wrong password");
        _ = await Check.ThrowsAsync<StoreAccessException>(
            () => rig.SoonAsync(client.Lock().AcquireAsync().AsTask(), "an acquire with a wrong password ends"), "an acquire with a wrong password").ConfigureAwait(false);
        client.Store.Reset();
        _ = await client.AcquireAsync().ConfigureAwait(false);
    });

    /// <summary>The store is away while the turn comes.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task OnceQueuedAContenderSurvivesAnOutage(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var held = await one.AcquireAsync().ConfigureAwait(false);
        var waiting = await two.QueueUpAsync(2).ConfigureAwait(false);
        int refused = 0;
        two.Store.OnCommit = (_, _) =>
        {
            Interlocked.Increment(ref refused);
            throw new StoreUnavailableException("the server is down");
        };
        two.Store.OnWait = (_, _) => throw new StoreUnavailableException("the server is down");

        // a reading that was under way when the store went down could still grant
        await rig.UntilAsync(() => two.Store.PendingWaits > 0 || Volatile.Read(ref refused) > 0, "a contender waits, or asks in vain").ConfigureAwait(false);
        await one.ReleaseAsync(held).ConfigureAwait(false);
        await rig.UntilAsync(() => Volatile.Read(ref refused) >= 3, "a contender asks again while the store is down").ConfigureAwait(false);
        Check.That(!waiting.Task.IsCompleted, "nobody is granted without an answer of the store");
        two.Store.Reset();
        Check.That((await two.GrantedEventuallyAsync(waiting).ConfigureAwait(false)).IsHeld, "the contender is granted when the store is back");
    });

    /// <summary>The caller hears that it is not confirmed, and it happens all the same.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AReleaseThatDoesNotReachTheStoreGoesOnInTheBackground(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.HastyClient();
        await WarmUpAsync(rig, client).ConfigureAwait(false);
        var claim = await AcquireHastilyAsync(rig, client).ConfigureAwait(false);
        client.Store.OnCommit = (_, _) => throw new StoreUnavailableException("the server is down");
        _ = await Check.ThrowsAsync<StoreUnavailableException>(() => client.ReleaseAsync(claim), "a release when the store is down").ConfigureAwait(false);
        Check.Equal((false, ClaimState.Released), (claim.IsHeld, claim.State), "a claim whose release is not confirmed");
        Check.Equal(1, (await rig.QueueAsync().ConfigureAwait(false)).Length, "contenders while the store is down");
        client.Store.Reset();
        await rig.QueueBecomesAsync(0).ConfigureAwait(false);
    });

    /// <summary>Claims and clients, whatever the store throws.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task DisposingNeverThrowsForTroubleWithTheStore(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.HastyClient();
        await WarmUpAsync(rig, client).ConfigureAwait(false);
        var claim = await AcquireHastilyAsync(rig, client).ConfigureAwait(false);
        _ = await AcquireHastilyAsync(rig, client, "y").ConfigureAwait(false);
        client.Store.OnCommit = (_, _) => throw new StoreUnavailableException("the server is down");
        client.Store.OnClose = _ => throw new OutcomeUnknownException("the server is down");
        await rig.EventuallyAsync(claim.DisposeAsync().AsTask(), "a claim is disposed when the store is down").ConfigureAwait(false);
        await rig.EventuallyAsync(client.Client.DisposeAsync().AsTask(), "a client is disposed when the store is down").ConfigureAwait(false);
        await rig.EventuallyAsync(claim.DisposeAsync().AsTask(), "a claim is disposed after its client").ConfigureAwait(false);
    });

    /// <summary>While the session lives, the key would block everybody.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ALeaveThatIsRefusedForGoodIsTriedUntilItIsNot(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var claim = await client.AcquireAsync().ConfigureAwait(false);
        int refusals = 3;
        client.Store.OnCommit = (transaction, next) => InterceptedStore.IsLeave(transaction) && Interlocked.Decrement(ref refusals) >= 0
            ? throw new StoreAccessException("the token has expired")
            : next();
        Check.That(await client.ReleaseAsync(claim).ConfigureAwait(false), "a release that was refused three times ends well");
        Check.Equal(0, (await rig.QueueAsync().ConfigureAwait(false)).Length, "contenders after the release");
    });

    /// <summary>Two troubles at once.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AJoinWhoseAnswerIsLostBeforeAccessIsRefusedLeavesNoGhost(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.HastyClient();
        await WarmUpAsync(rig, client).ConfigureAwait(false);
        bool joined = false;
        client.Store.OnCommit = async (transaction, next) =>
        {
            if (!Volatile.Read(ref joined) && InterceptedStore.IsJoin(transaction))
            {
                _ = await next().ConfigureAwait(false);
                Volatile.Write(ref joined, true);
                throw new OutcomeUnknownException("the connection was cut");
            }

            throw new StoreAccessException("the token has expired");
        };
        _ = await Check.ThrowsAsync<StoreAccessException>(
            () => rig.EventuallyAsync(client.Lock().AcquireAsync().AsTask(), "an acquire whose access is refused ends"), "an acquire whose access is refused").ConfigureAwait(false);
        client.Store.Reset();
        await rig.QueueBecomesAsync(0).ConfigureAwait(false);
    });

    /// <summary>The first caller has gone, the second one wants to know.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AskingForAReleaseAgainTellsHowTheFirstOneEnded(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var claim = await client.AcquireAsync().ConfigureAwait(false);
        var hold = rig.NewHold();
        client.Store.OnCommit = async (transaction, next) =>
        {
            await (InterceptedStore.IsLeave(transaction) ? hold.Task : Task.CompletedTask).ConfigureAwait(false);
            return await next().ConfigureAwait(false);
        };
        using var cancel = new CancellationTokenSource();
        var first = claim.ReleaseAsync(cancel.Token).AsTask();
        await cancel.CancelAsync().ConfigureAwait(false);
        _ = await Check.ThrowsAsync<OperationCanceledException>(() => rig.SoonAsync(first, "a release that is cancelled ends"), "a release that is cancelled").ConfigureAwait(false);
        var second = client.ReleaseAsync(claim);
        hold.SetResult();
        Check.That(await second.ConfigureAwait(false), "a release that is asked for again tells how the first one ended");
    });

    /// <summary>The answer of the next commits of a kind is lost, after or before they were applied.</summary>
    private static void LoseAnswers(RigClient client, Func<Transaction, bool> which, bool applied, int times)
    {
        int left = times;
        client.Store.OnCommit = async (transaction, next) =>
        {
            if (which(transaction) && Interlocked.Decrement(ref left) >= 0)
            {
                _ = applied ? await next().ConfigureAwait(false) : null;
                throw new OutcomeUnknownException("the connection was cut");
            }

            return await next().ConfigureAwait(false);
        };
    }

    private static async Task WarmUpAsync(ClaimRig rig, RigClient client)
    {
        var claim = await AcquireHastilyAsync(rig, client, "warm").ConfigureAwait(false);
        while (true)
        {
            try
            {
                await client.ReleaseAsync(claim).ConfigureAwait(false);
                return;
            }
            catch (StoreUnavailableException) when (!rig.StandsStill)
            {
            }
        }
    }

    /// <summary>As any user of a store that is down now and then would.</summary>
    private static async Task<Claim> AcquireHastilyAsync(ClaimRig rig, RigClient client, string name = "x")
    {
        while (true)
        {
            try
            {
                return await client.AcquireEventuallyAsync(name).ConfigureAwait(false);
            }
            catch (StoreUnavailableException) when (!rig.StandsStill)
            {
            }
        }
    }
}
