using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ClaimConformance
{
    /// <summary>The waiter's session ends, then its blocker leaves: etcd's own election would announce a leader now.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AWaiterWhoseSessionEndedJoinsAgainAndIsNeverGrantedAsAPhantom(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var held = await one.AcquireAsync().ConfigureAwait(false);
        var waiting = await two.QueueUpAsync(2).ConfigureAwait(false);
        var phantom = (await rig.QueueAsync().ConfigureAwait(false))[1];
        await rig.Behind.CloseSessionAsync(phantom.Session!.Value).ConfigureAwait(false);
        await one.ReleaseAsync(held).ConfigureAwait(false);
        await IsGrantedAnewAsync(rig, two, waiting, phantom).ConfigureAwait(false);
    });

    /// <summary>The waiter hears from a renewal that its session is gone, long before anything changes in the queue.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AWaiterWhoseSessionIsGoneStandsInTheQueueAgainAtOnce(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        // renewed well before the longest silence of a wait
        var (one, two) = (rig.Client(), rig.Client(o => o with { SessionTimeToLive = TimeSpan.FromSeconds(6) }));
        var held = await one.AcquireAsync().ConfigureAwait(false);
        var waiting = await two.QueueUpAsync(2).ConfigureAwait(false);
        var gone = (await rig.QueueAsync().ConfigureAwait(false))[1].Session!.Value;
        await rig.Behind.CloseSessionAsync(gone).ConfigureAwait(false);
        int renewals = two.Store.Renewals;
        await rig.UntilAsync(() => two.Store.Renewals > renewals, "a waiter's session is renewed").ConfigureAwait(false);
        await rig.SoonUntilAsync(async () => (await rig.QueueAsync().ConfigureAwait(false)) is [_, { Session: { } now }] && now != gone, "the waiter stands in the queue again").ConfigureAwait(false);
        await one.ReleaseAsync(held).ConfigureAwait(false);
        Check.That((await two.GrantedEventuallyAsync(waiting).ConfigureAwait(false)).IsHeld, "the waiter is granted in its new place");
    });

    /// <summary>
    /// Between two readings the waiter's session ends and its blocker leaves: who asks for its own entry first and for its blocker then would
    /// believe both answers.
    /// </summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task TheOwnEntryAndTheBlockerAreJudgedInOneAnswer(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        for (int reading = 1; reading <= 3; reading++)
        {
            var client = rig.Client();
            await rig.Behind.PutAsync("lock/x/blocker", default).ConfigureAwait(false);
            var waiting = await client.QueueUpAsync(2).ConfigureAwait(false);
            var phantom = (await rig.QueueAsync().ConfigureAwait(false)).Single(e => e.Session is not null);
            int left = reading;
            var ended = rig.NewHold();
            client.Store.OnCommit = async (transaction, next) =>
            {
                var answer = await next().ConfigureAwait(false);
                if (transaction.IsReadOnly && Interlocked.Decrement(ref left) == 0)
                {
                    await rig.Behind.CloseSessionAsync(phantom.Session!.Value).ConfigureAwait(false);
                    await rig.Behind.DeleteAsync("lock/x/blocker").ConfigureAwait(false);
                    ended.SetResult();
                }

                return answer;
            };
            while (Volatile.Read(ref left) > 0)
            {
                // wakes the waiter, which reads
                int seen = Volatile.Read(ref left);
                await rig.Behind.PutAsync("lock/x/blocker", default).ConfigureAwait(false);
                await rig.UntilAsync(() => Volatile.Read(ref left) < seen, "a change of the blocker makes who waits read").ConfigureAwait(false);
            }

            // a reading for no reason may have come before the last put
            await rig.SoonAsync(ended.Task, "the last reading ends").ConfigureAwait(false);
            await rig.Behind.DeleteAsync("lock/x/blocker").ConfigureAwait(false);

            await IsGrantedAnewAsync(rig, client, waiting, phantom).ConfigureAwait(false);
        }
    });

    /// <summary>The waiter's deadline passes while the store still knows its contender, and then its turn comes.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AWaiterWhoseDeadlineHasPassedIsNotGrantedItsOldPlace(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        client.Store.OnRenew = _ => throw new StoreUnavailableException("cut off");
        var gauge = await client.AcquireAsync("gauge").ConfigureAwait(false);
        await rig.Behind.PutAsync("lock/x/blocker", default).ConfigureAwait(false);
        var waiting = await client.QueueUpAsync(2).ConfigureAwait(false);
        var old = (await rig.QueueAsync().ConfigureAwait(false)).Single(e => e.Session is not null);
        client.Clock.Jump(gauge.SafeTime + TimeSpan.FromMilliseconds(1));
        client.Store.Reset();
        await rig.Behind.DeleteAsync("lock/x/blocker").ConfigureAwait(false);
        await IsGrantedAnewAsync(rig, client, waiting, old).ConfigureAwait(false);
        Check.Equal((false, ClaimState.Lost), (gauge.IsHeld, gauge.State), "another claim of the session whose deadline has passed");
    });

    /// <summary>Uncertain is not lost: the place is kept, the grant waits for the renewal.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AWaiterWhoseClockIsDisturbedIsGrantedOnceARenewalHasAnswered(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        // long enough that the session cannot be lost in real time while its renewals are refused: then the place would be lost with it
        var client = rig.Client(o => o with { SessionTimeToLive = TimeSpan.FromSeconds(15) });
        bool disturbed = false;
        client.Store.OnCommit = async (transaction, next) =>
        {
            // while the answer that would grant is on its way: who is uncertain before that does not even ask
            var answer = await next().ConfigureAwait(false);
            if (!disturbed && transaction.IsReadOnly && answer.Reads[0] is [{ Session: not null }])
            {
                client.Store.OnRenew = _ => throw new StoreUnavailableException("cut off");
                client.Clock.StepWallClock(TimeSpan.FromMinutes(5));
                Volatile.Write(ref disturbed, true);
            }

            return answer;
        };
        await rig.Behind.PutAsync("lock/x/blocker", default).ConfigureAwait(false);
        var waiting = await client.QueueUpAsync(2).ConfigureAwait(false);
        var mine = (await rig.QueueAsync().ConfigureAwait(false)).Single(e => e.Session is not null);
        await rig.Behind.DeleteAsync("lock/x/blocker").ConfigureAwait(false);
        await rig.SoonUntilAsync(() => Volatile.Read(ref disturbed), "who waits reads when the blocker has left").ConfigureAwait(false);
        await rig.PassAsync(rig.TimeToLive / 10).ConfigureAwait(false);
        Check.That(!waiting.Task.IsCompleted, "nobody is granted while its clock is disturbed and no renewal has answered");
        client.Store.Reset();
        var claim = await client.GrantedEventuallyAsync(waiting).ConfigureAwait(false);
        Check.That(claim.IsHeld, "who waited holds after a renewal");
        Check.Equal(mine.CreateRevision, claim.Token.Value, "the place in the queue of who was uncertain for a while, as its token");
    });

    /// <summary>Sent in time, answered when the session is long over.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AJoinWhoseReplyIsLateByOneAndAHalfTimesToLiveGivesNoUsableClaim(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        Entry? old = null;
        client.Store.OnCommit = async (transaction, next) =>
        {
            var answer = await next().ConfigureAwait(false);
            if (InterceptedStore.IsJoin(transaction) && old is null)
            {
                old = answer.Reads[0].Single();
                client.Clock.Jump(rig.TimeToLive * 1.5);
            }

            return answer;
        };
        await IsGrantedAnewAsync(rig, client, new(client.Lock().AcquireAsync().AsTask()), () => old!).ConfigureAwait(false);
    });

    /// <summary>The session itself is over before its grant arrives.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ASessionWhoseGrantIsLateByOneAndAHalfTimesToLiveIsNotUsed(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        SessionGrant? late = null;
        client.Store.OnOpen = async next =>
        {
            var grant = await next().ConfigureAwait(false);
            if (late is null)
            {
                late = grant;
                client.Clock.Jump(grant.TimeToLive * 1.5);
            }

            return grant;
        };
        var claim = await client.AcquireEventuallyAsync().ConfigureAwait(false);
        Check.That(claim.IsHeld, "an acquire ends in a claim that is held");
        Check.That((await rig.QueueAsync().ConfigureAwait(false)).All(e => e.Session != late!.Value.Id), "nobody stands in the queue with a session that was over when it arrived");
    });

    private static Task IsGrantedAnewAsync(ClaimRig rig, RigClient client, Waiting waiting, Entry old) => IsGrantedAnewAsync(rig, client, waiting, () => old);

    /// <summary>Whoever lost its place comes back at the end of the queue, in a session that lives.</summary>
    private static async Task IsGrantedAnewAsync(ClaimRig rig, RigClient client, Waiting waiting, Func<Entry> old)
    {
        var claim = await client.GrantedEventuallyAsync(waiting).ConfigureAwait(false);
        Check.That(ClaimRig.Revision(claim) != old().CreateRevision, $"nobody is granted the place of a session that is over: token {claim.Token}, contender {old().Key}");
        var mine = (await rig.QueueAsync().ConfigureAwait(false)).Single(e => e.CreateRevision == ClaimRig.Revision(claim));
        Check.That(mine.Session != old().Session, $"the claim stands on a new session and not on {old().Session}");
        Check.That(claim.IsHeld, "the claim that was granted anew is held");
        await client.ReleaseAsync(claim).ConfigureAwait(false);
    }
}
