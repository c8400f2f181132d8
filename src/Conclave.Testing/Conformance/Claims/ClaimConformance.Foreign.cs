using System.Collections.Concurrent;
using Conclave.Storage;

namespace Conclave.Testing;

// A contender's value is its rule, its n, and the Unix milliseconds of its joining: "exclusive 0 1767225600000", "permits 3 1767225600000".
public static partial class ClaimConformance
{
    /// <summary>An entry of somebody else, of no session and of an unreadable value, counts as exclusive.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AForeignContenderExcludesUsUntilItLeaves(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        await rig.Behind.PutAsync("lock/x/694d8f3a", Bytes("a proposal")).ConfigureAwait(false);
        var waiting = await client.QueueUpAsync(2).ConfigureAwait(false);
        Check.That(!waiting.Task.IsCompleted, "who waits is not granted while a foreign contender is ahead");
        await rig.Behind.DeleteAsync("lock/x/694d8f3a").ConfigureAwait(false);
        var claim = await client.GrantedAsync(waiting).ConfigureAwait(false);
        Check.That(claim.IsHeld, "who waited holds once the foreign contender has left");
    });

    /// <summary>A typed error for who comes later, peace for everybody else.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ANameThatOthersUseWithAnotherRuleIsRefusedWithoutDisturbingThem(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        foreach (var (value, words) in ((string, string)[])[("permits 3 1767225600000", "one with 3 permits"), ("present 0 1767225600000", "present")])
        {
            await rig.Behind.PutAsync("lock/x/other", Bytes(value)).ConfigureAwait(false);
            var error = await Check.ThrowsAsync<RuleMismatchException>(
                () => rig.EventuallyAsync(client.Lock().AcquireAsync().AsTask(), "an acquire under another rule ends"), $"an acquire behind '{value}'").ConfigureAwait(false);
            Check.That(error.Message.Contains(words, StringComparison.Ordinal), $"the message names the other rule '{words}': {error.Message}");
            await rig.QueueBecomesAsync(1).ConfigureAwait(false);
            Check.Equal(value, Text((await rig.QueueAsync().ConfigureAwait(false))[0]), "the contender that was there before");
            await rig.Behind.DeleteAsync("lock/x/other").ConfigureAwait(false);
        }

        // the head says what the queue is: a stranger behind it disturbs neither the holder nor who comes after
        var holder = await client.AcquireAsync().ConfigureAwait(false);
        await rig.Behind.PutAsync("lock/x/other", Bytes("permits 3 1767225600000")).ConfigureAwait(false);
        var next = rig.Client();
        var waiting = await next.QueueUpAsync(3).ConfigureAwait(false);
        Check.That(!waiting.Task.IsCompleted && holder.IsHeld, "a stranger in the middle of the queue disturbs nobody");
        await rig.Behind.DeleteAsync("lock/x/other").ConfigureAwait(false);
        await client.ReleaseAsync(holder).ConfigureAwait(false);
        _ = await next.GrantedAsync(waiting).ConfigureAwait(false);

        // shared and exclusive mix: an exclusive contender waits for the shared one ahead
        await rig.Behind.PutAsync("lock/y/reader", Bytes("shared 0 1767225600000")).ConfigureAwait(false);
        waiting = await next.QueueUpAsync(2, "y").ConfigureAwait(false);
        Check.That(!waiting.Task.IsCompleted, "an exclusive contender waits for a shared one ahead");
        await rig.Behind.DeleteAsync("lock/y/reader").ConfigureAwait(false);
        _ = await next.GrantedAsync(waiting).ConfigureAwait(false);
    });

    /// <summary>Whatever was put over it, the key is ours.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AContenderThatSomebodyHasPutAgainIsStillReleased(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var claim = await client.AcquireAsync().ConfigureAwait(false);
        await rig.Behind.PutAsync((await rig.QueueAsync().ConfigureAwait(false)).Single().Key, Bytes("poked")).ConfigureAwait(false);
        Check.That(await client.ReleaseAsync(claim).ConfigureAwait(false), "a release of a claim whose entry was put again says that it was ours");
        await rig.QueueBecomesAsync(0).ConfigureAwait(false);
    });

    /// <summary>Twenty at once, and again when somebody else of the client holds.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ReleasingTwiceOrFromManySidesRemovesOnlyThisClaim(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var first = await client.AcquireAsync().ConfigureAwait(false);
        bool[] answers = await rig.EventuallyAsync(
            Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => first.ReleaseAsync().AsTask()))), "twenty releases end").ConfigureAwait(false);
        Check.That(answers.All(a => a), "everybody who releases hears that it was held");

        var second = await client.AcquireAsync().ConfigureAwait(false);
        await first.DisposeAsync().ConfigureAwait(false);
        Check.That(await first.ReleaseAsync().ConfigureAwait(false), "a release that is repeated tells how the first one ended");
        Check.That(second.IsHeld, "a repeated release does not touch the later claim");
        Check.Equal(ClaimRig.Revision(second), (await rig.QueueAsync().ConfigureAwait(false)).Single().CreateRevision, "who stands in the queue after a repeated release");
    });

    /// <summary>True when it was ours until then, false when it was not.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AReleaseTellsWhetherTheClaimWasStillOurs(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var claim = await client.AcquireAsync().ConfigureAwait(false);
        Check.That(await client.ReleaseAsync(claim).ConfigureAwait(false), "a release of what was held says so");
        if (rig.IsPlain)
        {
            // through chaos a lost answer hides who deleted it
            claim = await client.AcquireAsync().ConfigureAwait(false);
            await rig.Behind.DeleteAsync((await rig.QueueAsync().ConfigureAwait(false)).Single().Key).ConfigureAwait(false);
            Check.That(!await client.ReleaseAsync(claim).ConfigureAwait(false), "a release of what somebody else deleted says that it was no longer ours");
        }

        claim = await client.AcquireAsync().ConfigureAwait(false);
        await rig.KillAsync(claim).ConfigureAwait(false);
        await rig.UntilAsync(() => claim.State == ClaimState.Lost, "a claim whose session was ended is lost").ConfigureAwait(false);
        Check.That(!await client.ReleaseAsync(claim).ConfigureAwait(false), "a release of what was lost says that it was no longer ours");
        Check.Equal(ClaimState.Released, claim.State, "the state of a claim that was lost and then released");
    });

    /// <summary>A key is created once and deleted once.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task KeysOfClaimsAreNeverUsedAgain(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var keys = new ConcurrentDictionary<string, byte>();
        for (int i = 0; i < 10; i++)
        {
            var claim = await client.AcquireAsync().ConfigureAwait(false);
            var mine = (await rig.QueueAsync().ConfigureAwait(false)).Single();
            Check.That(keys.TryAdd(mine.Key, 0), $"the key {mine.Key} is new");
            Check.That(mine.Key.StartsWith($"lock/x/{mine.Session}-", StringComparison.Ordinal), $"the key {mine.Key} names its session {mine.Session}");
            await client.ReleaseAsync(claim).ConfigureAwait(false);
        }
    });
}
