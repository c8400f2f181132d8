using Conclave.Ownership;
using Conclave.Storage;

namespace Conclave.Testing;

public static partial class OwnershipConformance
{
    private const string Crashes = "Ownership: that an owner is gone is seen by its record standing still on one's own monotonic clock; no wall clock matters.";

    /// <summary>Measured on the clock of the case.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ACrashedOwnerIsReplacedWithinTwoRefreshIntervals(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (owner, next) = (rig.Client(), rig.Client());
        var held = await OwnAsync(rig, Lively(rig, owner)).ConfigureAwait(false);
        var waits = await LineUpAsync(rig, Lively(rig, next), 1).ConfigureAwait(false);
        await rig.PassAsync(Interval(rig) * 2).ConfigureAwait(false);
        Check.That(!waits.Own.IsCompleted, "nobody takes over from an owner that refreshes");

        var told = NewTold(rig, held);
        Crash(owner);
        long crashed = rig.Clock.GetTimestamp();
        var successor = await EventuallyAsync(rig, waits.Own).ConfigureAwait(false);
        var took = rig.Clock.GetElapsedTime(crashed);
        Check.That(!rig.StandsStill || took <= Interval(rig) * 2, $"a crashed owner is replaced within two refresh intervals of {Interval(rig)}, not after {took}");
        await rig.EventuallyAsync(told, "who crashed would have been told").ConfigureAwait(false);
        Check.That(held.Lost.IsCancellationRequested && !successor.Lost.IsCancellationRequested, "the crashed one has lost, its successor has not");
        owner.Store.Reset();
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        Check.That(await RecordAsync(rig).ConfigureAwait(false) is not null, "the late release of the crashed one leaves its successor alone");
        await GiveUpAsync(rig, successor).ConfigureAwait(false);
        await NothingIsLeftAsync(rig, "of a crashed owner and its successor").ConfigureAwait(false);
    });

    /// <summary>It is handed the record, and does nothing.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AWaiterThatCrashedFirstInLineIsSkipped(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (owner, first, second) = (rig.Client(), rig.Client(), rig.Client());
        var held = await OwnAsync(rig, Lively(rig, owner)).ConfigureAwait(false);
        using var cancel = new CancellationTokenSource();
        var dead = await LineUpAsync(rig, Lively(rig, first), 1, cancel.Token).ConfigureAwait(false);
        var waits = await LineUpAsync(rig, Lively(rig, second), 2).ConfigureAwait(false);
        Crash(first);
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        await GiveUpAsync(rig, await EventuallyAsync(rig, waits.Own).ConfigureAwait(false)).ConfigureAwait(false);
        await CancelledAsync(rig, cancel, dead.Own).ConfigureAwait(false);
        first.Store.Reset();
        await NothingIsLeftAsync(rig, "of a waiter that crashed").ConfigureAwait(false);
    });

    /// <summary>Nobody watches the record then; the next one looks all the same.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task TheOwnerAndTheFirstInLineMayCrashTogether(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (owner, first, second) = (rig.Client(), rig.Client(), rig.Client());
        var held = await OwnAsync(rig, Lively(rig, owner)).ConfigureAwait(false);
        using var cancel = new CancellationTokenSource();
        var dead = await LineUpAsync(rig, Lively(rig, first), 1, cancel.Token).ConfigureAwait(false);
        var waits = await LineUpAsync(rig, Lively(rig, second), 2).ConfigureAwait(false);
        Crash(first);
        Crash(owner);
        var successor = await EventuallyAsync(rig, waits.Own).ConfigureAwait(false);
        await LineIsAsync(rig, 0).ConfigureAwait(false);
        await GiveUpAsync(rig, successor).ConfigureAwait(false);
        await CancelledAsync(rig, cancel, dead.Own).ConfigureAwait(false);
        owner.Store.Reset();
        first.Store.Reset();
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        await NothingIsLeftAsync(rig, "when both are back").ConfigureAwait(false);
    });

    /// <summary>Two hours lie between them.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WallClocksAnHourApartChangeNothing(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        foreach (int direction in (int[])[1, -1])
        {
            var (owner, next) = (rig.Client(), rig.Client());
            owner.Clock.StepWallClock(TimeSpan.FromHours(direction));
            next.Clock.StepWallClock(TimeSpan.FromHours(-direction));
            var held = await OwnAsync(rig, Lively(rig, owner)).ConfigureAwait(false);
            var waits = await LineUpAsync(rig, Lively(rig, next), 1).ConfigureAwait(false);
            await rig.PassAsync(Interval(rig) * 1.25).ConfigureAwait(false);
            Check.That(!waits.Own.IsCompleted && !held.Lost.IsCancellationRequested, "nobody takes over from an owner that refreshes, however late it is there");
            Crash(owner);
            long crashed = rig.Clock.GetTimestamp();
            await GiveUpAsync(rig, await EventuallyAsync(rig, waits.Own).ConfigureAwait(false)).ConfigureAwait(false);
            var took = rig.Clock.GetElapsedTime(crashed);
            Check.That(!rig.StandsStill || took <= Interval(rig) * 2, $"a crashed owner is replaced in time, however early it is there, and not after {took}");
            owner.Store.Reset();
            await GiveUpAsync(rig, held).ConfigureAwait(false);
        }

        await NothingIsLeftAsync(rig, "of owners from other hours").ConfigureAwait(false);
    });

    /// <summary>At the interval that the options say.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhereNoHintComesTheFirstInLineLooksByItself(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (owner, next) = (rig.Client(), rig.Client());
        var held = await OwnAsync(rig, Calm(owner)).ConfigureAwait(false);
        next.Store.IsDeaf = true;
        var waits = await LineUpAsync(rig, next.Client.Owner(Prefix, new() { RefreshInterval = TimeSpan.FromMinutes(2), AcquireInterval = Interval(rig) / 4 }), 1).ConfigureAwait(false);
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        long free = rig.Clock.GetTimestamp();
        held = await EventuallyAsync(rig, waits.Own).ConfigureAwait(false);
        var took = rig.Clock.GetElapsedTime(free);
        Check.That(!rig.StandsStill || took <= Interval(rig) / 4 * 1.2, $"without hints the first in line looks every {Interval(rig) / 4}, so it does not take {took}");
        await GiveUpAsync(rig, held).ConfigureAwait(false);
    });

    private static Task<bool> NewTold(ClaimRig rig, Ownership.Ownership held)
    {
        var told = rig.NewHold();
        _ = held.Lost.Register(() => told.TrySetResult());
        return told.Task.ContinueWith(_ => true, TaskScheduler.Default);
    }
}
