using System.Collections.Concurrent;
using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ToolConformance
{
    private const string DoneOnce = "Countdown: done when it was signalled often enough, each signal exactly once; another count is a RuleMismatchException until it is reset.";

    /// <summary>One who waits before, one who comes after, and signals nobody needs.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ACountdownIsDoneWhenItWasSignalledOftenEnough(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var waits = Countdown(two).WaitAsync().AsTask();
        using var cancel = new CancellationTokenSource();
        var gone = Countdown(two).WaitAsync(cancel.Token).AsTask();
        Check.Equal(4, await LeftAsync(rig, two).ConfigureAwait(false), "signals that are left before the first one");
        Check.Equal(3, await SignalAsync(rig, one, 1).ConfigureAwait(false), "signals that are left after one of four");
        Check.Equal(1, await SignalAsync(rig, two, 2).ConfigureAwait(false), "signals that are left after three of four");
        Check.That(!waits.IsCompleted, "who waits does not go on before the last signal");
        await CancelledAsync(rig, cancel, gone).ConfigureAwait(false);
        Check.Equal(0, await SignalAsync(rig, one, 1).ConfigureAwait(false), "signals that are left after the last one");
        await rig.SoonAsync(waits, "who waits goes on").ConfigureAwait(false);
        await rig.SoonAsync(Countdown(one).WaitAsync().AsTask(), "who comes later does not wait").ConfigureAwait(false);
        var done = (await rig.EntriesAsync("countdown/x/value").ConfigureAwait(false)).Single();
        Check.Equal(0, await SignalAsync(rig, one, 100).ConfigureAwait(false), "signals that are left after many more than there were");
        Check.Equal(done.Revision, (await rig.EntriesAsync("countdown/x/value").ConfigureAwait(false)).Single().Revision, "the revision of a countdown that is done, after more signals");
        await rig.EventuallyAsync(Countdown(two).ResetAsync().AsTask(), "a reset ends").ConfigureAwait(false);
        Check.Equal(4, await LeftAsync(rig, one).ConfigureAwait(false), "signals that are left after a reset");
        Check.Equal(0, await SignalAsync(rig, one, int.MaxValue).ConfigureAwait(false), "signals that are left after more than there were");
    });

    /// <summary>Three clients, six workers; every number is told to one of them.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task SignalsOfManyAreCountedExactlyOnce(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        const int workers = 6;
        int rounds = rig.IsPlain ? 15 : 8;
        int count = workers * rounds;
        var clients = new[] { rig.Client(), rig.Client(), rig.Client() };
        var waits = clients[0].Client.Countdown("x", count).WaitAsync().AsTask();
        var losses = new LostChanges(rig, clients, sessionsEnd: false);
        var told = new ConcurrentQueue<int>();
        await RunTrafficAsync(
            rig, workers, rounds, async (worker, _) => told.Enqueue(await clients[worker % 3].Client.Countdown("x", count).SignalAsync().ConfigureAwait(false)),
            () => losses.Count >= 1, () => $"{losses.Count} answers were lost").ConfigureAwait(false);
        await losses.EndAsync().ConfigureAwait(false);
        Check.Equal(string.Join(' ', Enumerable.Range(0, count)), string.Join(' ', told.Order().Skip(told.Count - count)), "what was left, as it was told to all who signalled");
        await rig.SoonAsync(waits, "who waits goes on").ConfigureAwait(false);
    });

    /// <summary>Cut off while it is done.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhoWaitsForACountdownSurvivesAnOutage(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        _ = await SignalAsync(rig, one, 1).ConfigureAwait(false);
        var waits = Countdown(two).WaitAsync().AsTask();
        var failures = await two.CutOffAsync().ConfigureAwait(false);
        Check.Equal(0, await SignalAsync(rig, one, 3).ConfigureAwait(false), "signals that are left");
        await rig.UntilAsync(() => failures() >= 3, "who waits notices the outage").ConfigureAwait(false);
        Check.That(!waits.IsCompleted, "who waits does not go on, nor fail, during an outage");
        two.Store.Reset();
        await rig.EventuallyAsync(waits, "who waits goes on after an outage").ConfigureAwait(false);
    });

    /// <summary>An error for who comes later, until somebody begins anew.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AnotherCountIsRefusedUntilItIsReset(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        Check.Equal(3, await SignalAsync(rig, one, 1).ConfigureAwait(false), "signals that are left");
        var other = two.Client.Countdown("x", 5);
        _ = await Check.ThrowsAsync<RuleMismatchException>(() => rig.EventuallyAsync(other.SignalAsync().AsTask(), "a signal ends"), "a signal with another count").ConfigureAwait(false);
        _ = await Check.ThrowsAsync<RuleMismatchException>(() => rig.EventuallyAsync(PatientlyAsync(rig, () => other.GetAsync()), "a countdown is read"), "reading with another count").ConfigureAwait(false);
        _ = await Check.ThrowsAsync<RuleMismatchException>(() => rig.EventuallyAsync(other.WaitAsync().AsTask(), "a wait ends"), "waiting with another count").ConfigureAwait(false);
        Check.Equal(3, await LeftAsync(rig, one).ConfigureAwait(false), "signals that are left after another count was refused");
        var waits = Countdown(one).WaitAsync().AsTask();
        await rig.EventuallyAsync(other.ResetAsync().AsTask(), "a reset ends").ConfigureAwait(false);
        Check.Equal(5, await rig.EventuallyAsync(PatientlyAsync(rig, () => other.GetAsync()), "a countdown is read").ConfigureAwait(false), "signals that are left after a reset to another count");
        _ = await Check.ThrowsAsync<RuleMismatchException>(() => rig.EventuallyAsync(waits, "a wait ends"), "waiting for a countdown that was reset to another count").ConfigureAwait(false);
        _ = await Check.ThrowsAsync<RuleMismatchException>(() => SignalAsync(rig, one, 1), "a signal with the count of before").ConfigureAwait(false);
    });

    /// <summary>None, and less than none.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ImpossibleCountsAreRefused(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        foreach (int n in (int[])[0, -1, int.MinValue])
        {
            await RefusedAsync<ArgumentOutOfRangeException>(() => client.Client.Countdown("x", n), $"a countdown of {n}").ConfigureAwait(false);
            _ = await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => Countdown(client).SignalAsync(n).AsTask(), $"{n} signals").ConfigureAwait(false);
        }

        Check.Equal(0, client.Store.Commits, "commits for what was refused");
    });

    private static DistributedCountdown Countdown(RigClient client) => client.Client.Countdown("x", 4);

    private static Task<int> SignalAsync(ClaimRig rig, RigClient client, int signals) => rig.EventuallyAsync(Countdown(client).SignalAsync(signals).AsTask(), "a signal ends");

    private static Task<int> LeftAsync(ClaimRig rig, RigClient client) => rig.EventuallyAsync(PatientlyAsync(rig, () => Countdown(client).GetAsync()), "a countdown is read");
}
