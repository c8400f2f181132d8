using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ToolConformance
{
    private const string OneLeads = "Election: at most one leader at a time, first come first served; resigning and the end of the session hand over; tokens rise.";
    private const string Proclaimed = "Election: the value says who leads and is only a value; the leader, and nobody else, may change it.";
    private const string LeadersInOrder = "Election: who observes is told the present leader and every change in order, null while there is none, across outages, until it cancels.";
    private const string Candidates = "leader/x/";

    /// <summary>Campaign, try, timeout, resign.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task OneLeadsAtATimeAndAResignationHandsOver(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var span = TimeSpan.FromMilliseconds(200);
        var (one, two) = (rig.Client(), rig.Client());
        Check.That(await LeaderAsync(rig, two).ConfigureAwait(false) is null, "nobody leads before anybody campaigns");
        var first = await TakeAsync(rig, Election(one).CampaignAsync(Bytes("one"))).ConfigureAwait(false);
        Check.Equal("one", await LeaderAsync(rig, two).ConfigureAwait(false), "the leader, as others see it");
        foreach (var client in (RigClient[])[one, two])
        {
            await FailsAsync(rig, Election(client).TryCampaignAsync(Bytes("other")), "a try while somebody leads").ConfigureAwait(false);
            await FailsAsync(rig, Election(client).TryCampaignAsync(Bytes("other"), span), "a try with a timeout while somebody leads").ConfigureAwait(false);
            _ = await Check.ThrowsAsync<TimeoutException>(
                () => rig.EventuallyAsync(Election(client).CampaignAsync(span, Bytes("other")).AsTask(), "a campaign with a timeout ends"), "a campaign whose time is over").ConfigureAwait(false);
            using var cancel = new CancellationTokenSource();
            var gone = Election(client).CampaignAsync(Bytes("other"), cancel.Token).AsTask();
            await rig.ContendersAsync(client == one ? 1 : 2, Candidates).ConfigureAwait(false);
            await CancelledAsync(rig, cancel, gone).ConfigureAwait(false);
            await rig.ContendersBecomeAsync(1, Candidates).ConfigureAwait(false);
        }

        var waiting = Election(two).CampaignAsync(Bytes("two")).AsTask();
        await rig.ContendersAsync(2, Candidates).ConfigureAwait(false);
        Check.Equal("one", await LeaderAsync(rig, one).ConfigureAwait(false), "the leader while another one campaigns");
        await ReleaseAsync(rig, first).ConfigureAwait(false);
        var second = await TakeAsync(rig, waiting).ConfigureAwait(false);
        Check.Equal("two", await LeaderAsync(rig, one).ConfigureAwait(false), "the leader after the first one resigned");
        Check.That(second.IsHeld && second.Token > first.Token, $"the later token {second.Token} is larger than {first.Token}");

        // whoever resigns again resigns nobody else's leadership
        await first.DisposeAsync().ConfigureAwait(false);
        Check.That(await first.ReleaseAsync().ConfigureAwait(false), "a resignation that is repeated tells how the first one ended");
        Check.That(second.IsHeld, "a resignation that is repeated takes nothing from the next leader");
        Check.Equal("two", await LeaderAsync(rig, one).ConfigureAwait(false), "the leader after the first one resigned again");
        await ReleaseAsync(rig, second).ConfigureAwait(false);
        Check.That(await LeaderAsync(rig, one).ConfigureAwait(false) is null, "nobody leads after the last one resigned");
        _ = await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => Election(one).TryCampaignAsync(timeout: TimeSpan.FromSeconds(-2)).AsTask(), "a negative timeout").ConfigureAwait(false);
    });

    /// <summary>Three clients, six workers; some try, some campaign, some proclaim.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task LeadershipsNeverOverlapInRandomTraffic(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var clients = new[] { rig.Client(), rig.Client(), rig.Client() };
        var holders = new Holders("x", 1, fences: true);
        await RunTrafficAsync(
            rig, 6, rig.IsPlain ? 25 : 12,
            async (worker, random) =>
            {
                var election = Election(clients[worker % clients.Length]);
                holders.OnAsk(1);
                var leadership = random.Next(5) == 0
                    ? await election.TryCampaignAsync(Bytes($"{worker}")).ConfigureAwait(false)
                    : await election.CampaignAsync(Bytes($"{worker}")).ConfigureAwait(false);
                if (leadership is null)
                {
                    holders.OnRefusal(1);
                    return;
                }

                await using (leadership.ConfigureAwait(false))
                {
                    holders.OnGrant(leadership, 1);
                    if (random.Next(2) == 0)
                    {
                        await leadership.ProclaimAsync(Bytes($"{worker} leads")).ConfigureAwait(false);
                    }

                    await PauseAsync(random).ConfigureAwait(false);
                    var leader = await AskAsync(rig, clients[worker % clients.Length]).ConfigureAwait(false);
                    Check.That(
                        !leadership.IsHeld || (leader?.Token == leadership.Token && Text(leader.Value).Split(' ')[0] == $"{worker}"),
                        $"{worker} leads with token {leadership.Token}, but others see {(leader is null ? "nobody" : $"{Text(leader.Value)} with {leader.Token}")}");
                }
            },
            () => holders.IsContended,
            () => holders.Strength).ConfigureAwait(false);
    });

    /// <summary>A process that ends, whatever the way.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task TheEndOfALeadersSessionHandsOver(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var first = await TakeAsync(rig, Election(one).CampaignAsync(Bytes("one"))).ConfigureAwait(false);
        var waiting = Election(two).CampaignAsync(Bytes("two")).AsTask();
        await rig.ContendersAsync(2, Candidates).ConfigureAwait(false);
        await rig.KillAsync(first, "leader").ConfigureAwait(false);
        var second = await TakeAsync(rig, waiting).ConfigureAwait(false);
        Check.Equal("two", await LeaderAsync(rig, two).ConfigureAwait(false), "the leader after the session of the first one ended");
        await rig.UntilAsync(() => first.Lost.IsCancellationRequested, "a leader is told the loss").ConfigureAwait(false);
        Check.That(!await rig.EventuallyAsync(first.ReleaseAsync().AsTask(), "a lost leadership is resigned").ConfigureAwait(false), "resigning what was lost says that it was no longer ours");
        Check.That(second.IsHeld && second.Token > first.Token, "resigning what was lost takes nothing from the next leader");
        var again = Election(one).CampaignAsync(Bytes("again")).AsTask();
        await rig.ContendersBecomeAsync(2, Candidates).ConfigureAwait(false);
        await rig.EventuallyAsync(two.Client.DisposeAsync().AsTask(), "a client is disposed").ConfigureAwait(false);
        Check.That((await TakeAsync(rig, again).ConfigureAwait(false)).Token > second.Token, "the end of a client hands over to the next one");
    });

    /// <summary>An entry of somebody else, of no session.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AForeignCandidateAheadIsRespected(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        await rig.Behind.PutAsync(Candidates + "694d8f3a", Bytes("a proposal of etcdctl")).ConfigureAwait(false);
        Check.Equal("a proposal of etcdctl", await LeaderAsync(rig, client).ConfigureAwait(false), "a foreign leader");
        var waiting = Election(client).CampaignAsync(Bytes("ours")).AsTask();
        await rig.ContendersAsync(1, Candidates).ConfigureAwait(false);
        await FailsAsync(rig, Election(rig.Client()).TryCampaignAsync(), "a try while a foreign leader leads").ConfigureAwait(false);
        Check.That(!waiting.IsCompleted, "who campaigns is not granted while a foreign leader leads");
        await rig.Behind.DeleteAsync(Candidates + "694d8f3a").ConfigureAwait(false);
        _ = await TakeAsync(rig, waiting).ConfigureAwait(false);
        Check.Equal("ours", await LeaderAsync(rig, client).ConfigureAwait(false), "the leader after the foreign one left");
    });

    /// <summary>Rules of other tools, nothing, and bytes that are no text.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AValueThatLooksLikeARuleIsOnlyAValue(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        foreach (byte[] value in (byte[][])[.. ((string[])["permits 3 1", "shared 0 1767225600000", "present 0 1767225600000\nx", ""]).Select(v => Bytes(v).ToArray()), [0, 10, 255, 13, 0]])
        {
            var first = await TakeAsync(rig, Election(one).CampaignAsync(value)).ConfigureAwait(false);
            var waiting = Election(two).CampaignAsync(value).AsTask();
            await rig.ContendersAsync(2, Candidates).ConfigureAwait(false);
            await FailsAsync(rig, Election(two).TryCampaignAsync(value), "a try with a value that looks like a rule").ConfigureAwait(false);
            Check.That(!waiting.IsCompleted, "who campaigns is not granted, whatever the values look like");
            var leader = (await rig.EventuallyAsync(AskAsync(rig, one), "the leader is read").ConfigureAwait(false))!;
            Check.That(leader.Value.Span.SequenceEqual(value), $"a value is told as it was given: {Convert.ToHexString(value)}, not {Convert.ToHexString(leader.Value.Span)}");
            await first.ProclaimAsync(Bytes("permits 7 1")).ConfigureAwait(false);
            Check.That(!waiting.IsCompleted && first.IsHeld, "a proclamation that looks like a rule lets nobody in");
            await ReleaseAsync(rig, first).ConfigureAwait(false);
            await ReleaseAsync(rig, await TakeAsync(rig, waiting).ConfigureAwait(false)).ConfigureAwait(false);
            await rig.ContendersBecomeAsync(0, Candidates).ConfigureAwait(false);
        }
    });

    /// <summary>Applied or not.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ACampaignWhoseAnswerIsLostEndsInOneLeadership(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        foreach (var (applied, times) in ((bool, int)[])[(true, 1), (false, 2)])
        {
            var client = rig.Client();
            client.LoseAnswers(InterceptedStore.IsJoin, applied, times);
            var leadership = await TakeEventuallyAsync(rig, Election(client).CampaignAsync(Bytes("one")).AsTask()).ConfigureAwait(false);
            await rig.ContendersBecomeAsync(1, Candidates).ConfigureAwait(false);
            Check.Equal("one", await LeaderAsync(rig, client).ConfigureAwait(false), "the leader after the answer of its campaign was lost");
            client.LoseAnswers(InterceptedStore.IsLeave, applied, times);
            Check.That(await rig.EventuallyAsync(leadership.ReleaseAsync().AsTask(), "a leadership is resigned").ConfigureAwait(false), "a leadership whose answer was lost was ours");
            await rig.ContendersBecomeAsync(0, Candidates).ConfigureAwait(false);
        }
    });

    /// <summary>Several, and all of them in order.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhatALeaderProclaimsIsSeenByWhoAsksAndWhoObserves(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var watcher = WatchLeaders(two);
        await watcher.SeesAsync(rig, "-").ConfigureAwait(false);
        var leadership = await TakeAsync(rig, Election(one).CampaignAsync(Bytes("0"))).ConfigureAwait(false);
        string expected = "- 0";
        await watcher.SeesAsync(rig, expected).ConfigureAwait(false);
        for (int i = 1; i <= 5; i++)
        {
            await rig.SoonAsync(leadership.ProclaimAsync(Bytes($"{i}")).AsTask(), "a proclamation ends").ConfigureAwait(false);
            Check.Equal($"{i}", await LeaderAsync(rig, two).ConfigureAwait(false), "what others are told who ask");
            await watcher.SeesAsync(rig, expected += $" {i}").ConfigureAwait(false);
        }

        Check.That(leadership.IsHeld, "a leader leads on whatever it proclaims");
        await watcher.EndAsync(rig).ConfigureAwait(false);
    });

    /// <summary>Applied, not applied, and late.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AProclamationWhoseAnswerIsLostEndsWithTheNewValue(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var leadership = await TakeAsync(rig, Election(client).CampaignAsync(Bytes("old"))).ConfigureAwait(false);
        foreach (var (applied, times) in ((bool, int)[])[(true, 1), (false, 1), (true, 3), (false, 3)])
        {
            client.LoseAnswers(InterceptedStore.IsJoin, applied, times);
            await rig.EventuallyAsync(leadership.ProclaimAsync(Bytes($"new {applied} {times}")).AsTask(), "a proclamation ends").ConfigureAwait(false);
            Check.Equal($"new {applied} {times}", await LeaderAsync(rig, client).ConfigureAwait(false), "the value after the answer of its proclamation was lost");
        }

        Transaction? late = null;
        client.Store.OnCommit = (transaction, next) =>
            InterceptedStore.IsJoin(transaction) && Interlocked.CompareExchange(ref late, transaction, null) is null
                ? throw new OutcomeUnknownException("the request is still on its way")
                : next();
        await rig.EventuallyAsync(leadership.ProclaimAsync(Bytes("earlier")).AsTask(), "a proclamation ends").ConfigureAwait(false);
        await rig.EventuallyAsync(leadership.ProclaimAsync(Bytes("later")).AsTask(), "a proclamation ends").ConfigureAwait(false);
        Check.That(!(await rig.Behind.CommitAsync(late!).ConfigureAwait(false)).Accepted, "a proclamation that comes late is refused");
        Check.Equal("later", await LeaderAsync(rig, client).ConfigureAwait(false), "the value after a proclamation came late");
        client.Store.Reset();
        await ReleaseAsync(rig, leadership).ConfigureAwait(false);
    });

    /// <summary>Resigned, and lost.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AProclamationAfterTheLeadershipEndedIsRefused(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var resigned = await TakeAsync(rig, Election(one).CampaignAsync(Bytes("one"))).ConfigureAwait(false);
        await ReleaseAsync(rig, resigned).ConfigureAwait(false);
        _ = await Check.ThrowsAsync<ClaimLostException>(() => rig.SoonAsync(resigned.ProclaimAsync(Bytes("late")).AsTask(), "a proclamation ends"), "a proclamation after the resignation").ConfigureAwait(false);

        var lost = await TakeAsync(rig, Election(one).CampaignAsync(Bytes("one"))).ConfigureAwait(false);
        await rig.KillAsync(lost, "leader").ConfigureAwait(false);
        var next = await TakeAsync(rig, Election(two).CampaignAsync(Bytes("two"))).ConfigureAwait(false);

        // it cannot know yet: the store says so
        var error = await Check.ThrowsAsync<ClaimLostException>(
            () => rig.SoonAsync(lost.ProclaimAsync(Bytes("late")).AsTask(), "a proclamation ends"), "a proclamation after the session ended").ConfigureAwait(false);
        Check.Equal(lost.Token, error.Token, "the token that the error names");
        Check.That(!lost.IsHeld, "a leader that heard of its loss leads no more");
        Check.Equal("two", await LeaderAsync(rig, one).ConfigureAwait(false), "the leader after somebody else proclaimed");
        Check.That(next.IsHeld, "the next leader is not disturbed");
    });

    /// <summary>Nobody, one, its new value, nobody, another one.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhoObservesIsToldEveryLeaderInOrderAndNullWhileThereIsNone(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two, three) = (rig.Client(), rig.Client(), rig.Client());
        var early = WatchLeaders(three);
        await early.SeesAsync(rig, "-").ConfigureAwait(false);
        var first = await TakeAsync(rig, Election(one).CampaignAsync(Bytes("one"))).ConfigureAwait(false);
        await early.SeesAsync(rig, "- one").ConfigureAwait(false);
        var waiting = Election(two).CampaignAsync(Bytes("two")).AsTask();
        await rig.ContendersAsync(2, Candidates).ConfigureAwait(false);
        await ReleaseAsync(rig, first).ConfigureAwait(false);
        var second = await TakeAsync(rig, waiting).ConfigureAwait(false);
        await early.SeesAsync(rig, "- one two").ConfigureAwait(false);
        var late = WatchLeaders(one);
        await late.SeesAsync(rig, "two").ConfigureAwait(false);
        await ReleaseAsync(rig, second).ConfigureAwait(false);
        await early.SeesAsync(rig, "- one two -").ConfigureAwait(false);
        await late.SeesAsync(rig, "two -").ConfigureAwait(false);
        var third = await TakeAsync(rig, Election(one).CampaignAsync(Bytes("three"))).ConfigureAwait(false);
        await early.SeesAsync(rig, "- one two - three").ConfigureAwait(false);
        await late.SeesAsync(rig, "two - three").ConfigureAwait(false);
        await rig.KillAsync(third, "leader").ConfigureAwait(false);
        await early.SeesAsync(rig, "- one two - three -").ConfigureAwait(false);
        await late.SeesAsync(rig, "two - three -").ConfigureAwait(false);
        Check.That(!rig.IsPlain || early.Count == 6, $"nothing is told twice: {early.Count} times");
        await early.EndAsync(rig).ConfigureAwait(false);
        await late.EndAsync(rig).ConfigureAwait(false);
    });

    /// <summary>Cut off while the leader changes.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhoObservesLeadersSurvivesAnOutage(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var first = await TakeAsync(rig, Election(one).CampaignAsync(Bytes("one"))).ConfigureAwait(false);
        var watcher = WatchLeaders(two);
        await watcher.SeesAsync(rig, "one").ConfigureAwait(false);
        var failures = await two.CutOffAsync().ConfigureAwait(false);
        await ReleaseAsync(rig, first).ConfigureAwait(false);
        _ = await TakeAsync(rig, Election(one).CampaignAsync(Bytes("two"))).ConfigureAwait(false);
        await rig.UntilAsync(() => failures() >= 3, "who observes notices the outage").ConfigureAwait(false);
        Check.Equal("one", watcher.Seen, "what was told during an outage");
        two.Store.Reset();
        await watcher.SeesAsync(rig, "one two").ConfigureAwait(false);
        await watcher.EndAsync(rig).ConfigureAwait(false);
    });

    private static LeaderElection Election(RigClient client) => client.Client.Election("x");

    private static Watcher WatchLeaders(RigClient client) => Watcher.Start(Election(client).ObserveAsync, leader => leader is null ? "-" : Text(leader.Value));

    private static Task<LeaderInfo?> AskAsync(ClaimRig rig, RigClient client) => PatientlyAsync(rig, () => Election(client).GetLeaderAsync());

    private static async Task<string?> LeaderAsync(ClaimRig rig, RigClient client) =>
        await rig.EventuallyAsync(AskAsync(rig, client), "the leader is read").ConfigureAwait(false) is { } leader ? Text(leader.Value) : null;
}
