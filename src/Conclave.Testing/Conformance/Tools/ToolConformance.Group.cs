using System.Collections.Immutable;
using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ToolConformance
{
    private const string Members = "Group: a member is there until it leaves or its session ends, with its payload; ids are never used again.";
    private const string GroupChanges = "Group: who observes is told everybody who is there, then joins, changes and leaves, across outages.";
    private const string Places = "group/x/";

    /// <summary>Text, bytes, lines, and nothing.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task MembersAreToldInTheOrderOfJoiningWithTheirPayloads(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        Check.That((await MembersAsync(rig, two).ConfigureAwait(false)).IsEmpty, "nobody is in a group that nobody joined");
        byte[][] payloads = [Bytes("plain").ToArray(), Bytes("two\nlines\n").ToArray(), [0, 10, 10, 255, 13, 0], [], Bytes("present 0 1767225600000").ToArray()];
        var joined = new List<Membership>();
        foreach (byte[] payload in payloads)
        {
            joined.Add(await TakeAsync(rig, Group(joined.Count % 2 == 0 ? one : two).JoinAsync(payload)).ConfigureAwait(false));
        }

        var members = await MembersAsync(rig, two).ConfigureAwait(false);
        Check.Equal(string.Join(' ', joined.Select(j => j.Id)), string.Join(' ', members.Select(m => m.Id)), "the members, in the order of joining");
        for (int i = 0; i < payloads.Length; i++)
        {
            Check.That(members[i].Payload.Span.SequenceEqual(payloads[i]), $"a payload is told as it was given: {Convert.ToHexString(payloads[i])}, not {Convert.ToHexString(members[i].Payload.Span)}");
            Check.Equal(joined[i].Token, members[i].Token, "the token of a member, as others see it");
            Check.That(i == 0 || members[i].Token > members[i - 1].Token, "who joined later has a larger token");
        }

        // a new payload is no new member
        await rig.EventuallyAsync(joined[1].UpdateAsync(Bytes("new\n\npayload")).AsTask(), "an update ends").ConfigureAwait(false);
        await ReleaseAsync(rig, joined[3]).ConfigureAwait(false);
        members = await MembersAsync(rig, one).ConfigureAwait(false);
        Check.Equal(string.Join(' ', joined.Where(j => j != joined[3]).Select(j => j.Id)), string.Join(' ', members.Select(m => m.Id)), "the members after an update and a leave");
        Check.Equal("new\n\npayload", Text(members[1].Payload), "a payload after its update");
        Check.Equal(joined[1].Token, members[1].Token, "the token of a member after its update");
        _ = await Check.ThrowsAsync<ClaimLostException>(() => joined[3].UpdateAsync(Bytes("late")).AsTask(), "an update after the leave").ConfigureAwait(false);
        await joined[3].DisposeAsync().ConfigureAwait(false);
        Check.Equal(4, (await MembersAsync(rig, one).ConfigureAwait(false)).Length, "members after one has left twice");
    });

    /// <summary>Two of one client at a time, and many after each other.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task IdsOfMembersAreNeverUsedAgain(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var ids = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < 5; i++)
        {
            var memberships = await rig.SoonAsync(
                Task.WhenAll(((RigClient[])[one, one, two]).Select(c => TakeAsync(rig, Group(c).JoinAsync(Bytes("same"))))), "all join without waiting").ConfigureAwait(false);
            Check.Equal(3, (await MembersAsync(rig, one).ConfigureAwait(false)).Length, "members when one client joined twice and another one once");
            foreach (var membership in memberships)
            {
                Check.That(ids.Add(membership.Id), $"the id {membership.Id} is new");
                await ReleaseAsync(rig, membership).ConfigureAwait(false);
            }

            await rig.ContendersBecomeAsync(0, Places).ConfigureAwait(false);
        }
    });

    /// <summary>All memberships of it, and only those.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AMemberIsGoneWithItsSession(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var first = await TakeAsync(rig, Group(one).JoinAsync(Bytes("first"))).ConfigureAwait(false);
        var kept = await TakeAsync(rig, Group(two).JoinAsync(Bytes("kept"))).ConfigureAwait(false);
        _ = await TakeAsync(rig, Group(one).JoinAsync(Bytes("second"))).ConfigureAwait(false);
        await rig.KillAsync(first, "group").ConfigureAwait(false);
        Check.Equal(kept.Id, string.Join(' ', (await MembersAsync(rig, two).ConfigureAwait(false)).Select(m => m.Id)), "members after a session ended");
        _ = await Check.ThrowsAsync<ClaimLostException>(() => rig.SoonAsync(first.UpdateAsync(Bytes("late")).AsTask(), "an update ends"), "an update after the session ended").ConfigureAwait(false);
        await rig.UntilAsync(() => first.State == ClaimState.Lost, "a membership is lost with its session").ConfigureAwait(false);
        var again = await TakeEventuallyAsync(rig, Group(one).JoinAsync(Bytes("again")).AsTask()).ConfigureAwait(false);
        Check.That(again.Id != first.Id && again.Token > first.Token, "who joins again is a new member");
        Check.Equal("kept again", string.Join(' ', (await MembersAsync(rig, two).ConfigureAwait(false)).Select(m => Text(m.Payload))), "members after one joined again");
    });

    /// <summary>Applied or not.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AJoinAndAnUpdateWhoseAnswersAreLostCountOnce(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        foreach (var (applied, times) in ((bool, int)[])[(true, 1), (false, 2)])
        {
            var client = rig.Client();
            client.LoseAnswers(InterceptedStore.IsJoin, applied, times);
            var membership = await TakeEventuallyAsync(rig, Group(client).JoinAsync(Bytes("old")).AsTask()).ConfigureAwait(false);
            client.LoseAnswers(InterceptedStore.IsJoin, applied, times);
            await rig.EventuallyAsync(membership.UpdateAsync(Bytes("new")).AsTask(), "an update ends").ConfigureAwait(false);
            var members = await MembersAsync(rig, client).ConfigureAwait(false);
            Check.Equal($"{membership.Id} new", string.Join(' ', members.Select(m => $"{m.Id} {Text(m.Payload)}")), "members after the answers of a join and an update were lost");
            client.LoseAnswers(InterceptedStore.IsLeave, applied, times);
            Check.That(await rig.EventuallyAsync(membership.ReleaseAsync().AsTask(), "a group is left").ConfigureAwait(false), "a membership whose answer was lost was ours");
            await rig.ContendersBecomeAsync(0, Places).ConfigureAwait(false);
        }
    });

    /// <summary>Who was there before is told as joined.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhoObservesAGroupIsToldJoinsChangesAndLeaves(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var a = await TakeAsync(rig, Group(one).JoinAsync(Bytes("a"))).ConfigureAwait(false);
        var b = await TakeAsync(rig, Group(one).JoinAsync(Bytes("b"))).ConfigureAwait(false);
        var watcher = WatchMembers(two);
        string expected = "Joined:a Joined:b";
        await watcher.SeesAsync(rig, expected).ConfigureAwait(false);
        await rig.EventuallyAsync(a.UpdateAsync(Bytes("A")).AsTask(), "an update ends").ConfigureAwait(false);
        await watcher.SeesAsync(rig, expected += " Changed:A").ConfigureAwait(false);
        await ReleaseAsync(rig, b).ConfigureAwait(false);
        await watcher.SeesAsync(rig, expected += " Left:b").ConfigureAwait(false);
        var c = await TakeAsync(rig, Group(two).JoinAsync(Bytes("c"))).ConfigureAwait(false);
        await watcher.SeesAsync(rig, expected += " Joined:c").ConfigureAwait(false);
        await rig.KillAsync(a, "group").ConfigureAwait(false);
        await watcher.SeesAsync(rig, expected += " Left:A").ConfigureAwait(false);
        await ReleaseAsync(rig, c).ConfigureAwait(false);
        await watcher.SeesAsync(rig, expected + " Left:c").ConfigureAwait(false);
        await watcher.EndAsync(rig).ConfigureAwait(false);
    });

    /// <summary>What came and stayed, what changed, what went.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhatChangedInAGroupDuringAnOutageIsToldAfterwards(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var goes = await TakeAsync(rig, Group(one).JoinAsync(Bytes("goes"))).ConfigureAwait(false);
        var stays = await TakeAsync(rig, Group(one).JoinAsync(Bytes("stays"))).ConfigureAwait(false);
        var watcher = WatchMembers(two);
        await watcher.SeesAsync(rig, "Joined:goes Joined:stays").ConfigureAwait(false);
        var failures = await two.CutOffAsync().ConfigureAwait(false);
        await ReleaseAsync(rig, goes).ConfigureAwait(false);
        await rig.EventuallyAsync(stays.UpdateAsync(Bytes("changed")).AsTask(), "an update ends").ConfigureAwait(false);
        _ = await TakeAsync(rig, Group(one).JoinAsync(Bytes("comes"))).ConfigureAwait(false);
        await rig.UntilAsync(() => failures() >= 3, "who observes notices the outage").ConfigureAwait(false);
        Check.Equal("Joined:goes Joined:stays", watcher.Seen, "what was told during an outage");
        two.Store.Reset();
        await watcher.SeesAsync(rig, "Joined:goes Joined:stays Left:goes Changed:changed Joined:comes").ConfigureAwait(false);
        await watcher.EndAsync(rig).ConfigureAwait(false);
    });

    private static MemberGroup Group(RigClient client) => client.Client.Group("x");

    private static Watcher WatchMembers(RigClient client) => Watcher.Start(Group(client).ObserveAsync, change => $"{change.Kind}:{Text(change.Member.Payload)}");

    private static async Task<ImmutableArray<Member>> MembersAsync(ClaimRig rig, RigClient client) =>
        await rig.EventuallyAsync(PatientlyAsync(rig, () => Group(client).GetMembersAsync()), "the members are read").ConfigureAwait(false);
}
