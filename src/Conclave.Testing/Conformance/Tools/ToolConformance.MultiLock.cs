using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ToolConformance
{
    private const string AllOrNone = "Multi-lock: all names or none, joined in one commit, one token, one release; each name is the same lock as a single one.";
    private const string NoDeadlock = "Multi-lock: two callers with opposite order never wait for each other, local gates included.";

    /// <summary>Each of the names, and nobody in any queue who did not get all.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task SeveralLocksAreTakenAllOrNoneAndExcludeSingleOnes(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var several = one.Client.Locks("b", "a", "b");
        Check.Equal("a b", string.Join(' ', several.Names), "the names of a lock of several, each once");
        var claim = await TakeAsync(rig, several.AcquireAsync()).ConfigureAwait(false);
        var entries = await rig.EntriesAsync("lock/").ConfigureAwait(false);
        Check.Equal(2, entries.Length, "contenders of a claim on two names");
        Check.That(entries.All(e => e.CreateRevision == ClaimRig.Revision(claim)), "all contenders of one claim have the revision that is its token's");
        foreach (var client in (RigClient[])[one, two])
        {
            await FailsAsync(rig, client.Lock("a").TryAcquireAsync(), "a try of the first name").ConfigureAwait(false);
            await FailsAsync(rig, client.Lock("b").TryAcquireAsync(), "a try of the second name").ConfigureAwait(false);
            await FailsAsync(rig, client.Client.Locks("c", "b", "d").TryAcquireAsync(), "a try of several of which one is held").ConfigureAwait(false);
        }

        await rig.ContendersBecomeAsync(2, "lock/").ConfigureAwait(false);
        await ReleaseAsync(rig, claim).ConfigureAwait(false);
        await rig.ContendersAsync(0, "lock/").ConfigureAwait(false);

        // and the other way round: both single ones must go
        var a = await TakeAsync(rig, two.Lock("a").AcquireAsync()).ConfigureAwait(false);
        var b = await TakeAsync(rig, two.Lock("b").AcquireAsync()).ConfigureAwait(false);
        var waiting = several.AcquireAsync().AsTask();
        await rig.ContendersAsync(4, "lock/").ConfigureAwait(false);
        await ReleaseAsync(rig, a).ConfigureAwait(false);
        await FailsAsync(rig, two.Lock("a").TryAcquireAsync(), "a try of a name in whose queue somebody stands").ConfigureAwait(false);
        Check.That(!waiting.IsCompleted, "who waits for several names is not granted while one is held");
        await ReleaseAsync(rig, b).ConfigureAwait(false);
        var next = await TakeAsync(rig, waiting).ConfigureAwait(false);
        Check.That(next.Token > claim.Token && next.Token > b.Token, $"the later token {next.Token} is larger than {claim.Token} and {b.Token}");
    });

    /// <summary>The numbers that the design is built around.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task OneCommitTakesSeveralLocksAndOneReleasesThem(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        _ = await client.AcquireAsync("warm").ConfigureAwait(false);
        int before = client.Store.Commits;
        var claim = await TakeAsync(rig, client.Client.Locks([.. Enumerable.Range(0, DistributedMultiLock.MaxNames).Select(i => $"x{i}")]).AcquireAsync()).ConfigureAwait(false);
        rig.CheckCount(1, client.Store.Commits - before, "commits that take sixteen locks");
        await ReleaseAsync(rig, claim).ConfigureAwait(false);
        rig.CheckCount(2, client.Store.Commits - before, "commits that take sixteen locks and release them");
    });

    /// <summary>Two clients and several workers of each, names in any order, single ones among them.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task CallersInOppositeOrderNeverWaitForEachOther(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var clients = new[] { rig.Client(), rig.Client() };
        var holders = ((string[])["a", "b", "c", "d"]).ToDictionary(n => n, n => new Holders(n, 1, fences: true));
        await RunTrafficAsync(
            rig, 8, rig.IsPlain ? 25 : 12,
            async (worker, random) =>
            {
                string[] names = [.. holders.Keys.OrderBy(_ => random.Next()).Take(random.Next(1, 4))];
                foreach (string name in names)
                {
                    holders[name].OnAsk(1);
                }

                var claim = await clients[worker % 2].Client.Locks(names).AcquireAsync().ConfigureAwait(false);
                await using (claim.ConfigureAwait(false))
                {
                    foreach (string name in names)
                    {
                        holders[name].OnGrant(claim, 1);
                    }

                    await PauseAsync(random).ConfigureAwait(false);
                }
            },
            () => holders.Values.All(h => h.IsContended),
            () => string.Join("; ", holders.Values.Select(h => h.Strength))).ConfigureAwait(false);
    });

    /// <summary>In the store's queue, and in the local one, where some turns are taken already.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task CancellingAWaitForSeveralLocksGivesEveryTurnBack(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        _ = await two.AcquireAsync("b").ConfigureAwait(false);
        foreach (var client in (RigClient[])[one, two])
        {
            using var cancel = new CancellationTokenSource();
            var gone = client.Client.Locks("a", "b", "c").AcquireAsync(cancel.Token).AsTask();
            await rig.ContendersAsync(client == one ? 4 : 1, "lock/").ConfigureAwait(false);
            await CancelledAsync(rig, cancel, gone).ConfigureAwait(false);
            await rig.ContendersBecomeAsync(1, "lock/").ConfigureAwait(false);
            foreach (string name in (string[])["a", "c"])
            {
                await ReleaseAsync(rig, await TakeTriedAsync(rig, client.Lock(name).TryAcquireAsync()).ConfigureAwait(false)).ConfigureAwait(false);
            }
        }
    });

    /// <summary>Timeouts, in the store's queue and in the local one.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhoGivesUpOnSeveralLocksLeavesNothingInAnyQueue(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var span = TimeSpan.FromMilliseconds(200);
        var (one, two) = (rig.Client(), rig.Client());
        var held = await two.AcquireAsync("b").ConfigureAwait(false);
        foreach (var client in (RigClient[])[one, two])
        {
            var several = client.Client.Locks("a", "b", "c");
            _ = await Check.ThrowsAsync<TimeoutException>(
                () => rig.EventuallyAsync(several.AcquireAsync(span).AsTask(), "an acquire with a timeout ends"), "an acquire whose time is over").ConfigureAwait(false);
            await FailsAsync(rig, several.TryAcquireAsync(span), "a try whose time is over").ConfigureAwait(false);
            await rig.ContendersBecomeAsync(1, "lock/").ConfigureAwait(false);

            // local turns are given back too
            var others = await TakeEventuallyAsync(rig, client.Client.Locks("c", "a").AcquireAsync().AsTask()).ConfigureAwait(false);
            await ReleaseAsync(rig, others).ConfigureAwait(false);
        }

        Check.That(held.IsHeld, "the holder is not disturbed by those who gave up");
    });

    /// <summary>Applied or not, on the way in and on the way out.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task SeveralLocksWhoseAnswersAreLostAreTakenAndReleasedTogether(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        foreach (var (applied, times) in ((bool, int)[])[(true, 1), (false, 2)])
        {
            var client = rig.Client();
            client.LoseAnswers(InterceptedStore.IsJoin, applied, times);
            var claim = await TakeEventuallyAsync(rig, client.Client.Locks("a", "b", "c").AcquireAsync().AsTask()).ConfigureAwait(false);
            await rig.ContendersBecomeAsync(3, "lock/").ConfigureAwait(false);
            Check.That(claim.IsHeld, "a join of several whose answer was lost ends in a claim that is held");
            client.LoseAnswers(InterceptedStore.IsLeave, applied, times);
            Check.That(await rig.EventuallyAsync(claim.ReleaseAsync().AsTask(), "several locks are released").ConfigureAwait(false), "a release of several whose answer was lost says that they were ours");
            await rig.ContendersBecomeAsync(0, "lock/").ConfigureAwait(false);
        }
    });

    /// <summary>One session, all names.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task TheEndOfASessionFreesAllOfSeveralLocks(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var claim = await TakeAsync(rig, one.Client.Locks("a", "b").AcquireAsync()).ConfigureAwait(false);
        var waiting = two.Client.Locks("b", "a").AcquireAsync().AsTask();
        await rig.ContendersAsync(4, "lock/").ConfigureAwait(false);
        await rig.Behind.CloseSessionAsync((await rig.EntriesAsync("lock/a/").ConfigureAwait(false)).Single(e => e.CreateRevision == ClaimRig.Revision(claim)).Session!.Value).ConfigureAwait(false);
        var next = await TakeAsync(rig, waiting).ConfigureAwait(false);
        await rig.UntilAsync(() => claim.State == ClaimState.Lost, "several locks are lost with their session").ConfigureAwait(false);
        Check.That(!await rig.EventuallyAsync(claim.ReleaseAsync().AsTask(), "a lost claim is released").ConfigureAwait(false), "a release of what was lost says that it was no longer ours");
        Check.That(next.IsHeld && next.Token > claim.Token, "a release of what was lost does not touch the later claim");
    });

    /// <summary>None, one too many, and names that are none.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task NoNamesAndMoreThanSixteenAreRefused(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        string[] names = [.. Enumerable.Range(0, DistributedMultiLock.MaxNames + 1).Select(i => $"x{i}")];
        await RefusedAsync<ArgumentException>(() => client.Client.Locks(), "a lock of no names").ConfigureAwait(false);
        await RefusedAsync<ArgumentException>(() => client.Client.Locks(names), "a lock of seventeen names").ConfigureAwait(false);
        await RefusedAsync<ArgumentException>(() => client.Client.Locks("a", ""), "a lock of an empty name").ConfigureAwait(false);
        _ = await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => client.Client.Locks("a", "b").TryAcquireAsync(TimeSpan.FromSeconds(-2)).AsTask(), "a negative timeout").ConfigureAwait(false);
        Check.Equal(0, client.Store.Commits, "commits for what was refused");
        Check.Equal(2, client.Client.Locks([.. Enumerable.Range(0, DistributedMultiLock.MaxNames + 1).Select(i => i % 2 == 0 ? "a" : "b")]).Names.Count, "the names of a lock that says two of them many times");
        var claim = await TakeAsync(rig, client.Client.Locks("a", "b").AcquireAsync()).ConfigureAwait(false);
        await claim.DisposeAsync().ConfigureAwait(false);
        await claim.DisposeAsync().ConfigureAwait(false);
        Check.Equal(ClaimState.Released, claim.State, "the state of a claim that was disposed twice");
        _ = await TakeAsync(rig, client.Client.Locks("b", "a").AcquireAsync()).ConfigureAwait(false);
    });
}
