using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Conclave.Ownership;
using Conclave.Storage;
using Held = Conclave.Ownership.Ownership;

namespace Conclave.Testing;

/// <summary>
/// What mostly-correct ownership promises, as cases that run on any store, plain and through chaos. Each ends with no record and nobody in line.
/// </summary>
public static partial class OwnershipConformance
{
    private const string Prefix = "p";
    private const string Record = "owner/p/x/record";
    private const string Line = "owner/p/x/wait/";
    private const string Cheap = "Ownership: one commit to own what is free, one to give it up, none from one local owner to the next.";

    /// <summary>All cases.</summary>
    public static IReadOnlyList<ConformanceCase> Cases { get; } =
    [
        Case(Cheap, WhatIsFreeIsOwnedByOneCommitAndGivenUpByOne),
        Case(Cheap, OwnersOfOneProcessFollowEachOtherWithoutTheStore),
        Case(Cheap, LocalOwnersDoNotKeepOtherProcessesWaiting),
        Case(InLine, TheNextProcessInLineIsWokenByTheRelease),
        Case(InLine, ANewcomerDoesNotComeBetween),
        Case(InLine, ATryOwnsWhatIsFreeAndDoesNotWait),
        Case(InLine, OwnersAreAsAModelSaysInRandomTraffic),
        Case(InLine, OwnershipsDoNotOverlapInRandomTraffic),
        Case(Crashes, ACrashedOwnerIsReplacedWithinTwoRefreshIntervals),
        Case(Crashes, AWaiterThatCrashedFirstInLineIsSkipped),
        Case(Crashes, TheOwnerAndTheFirstInLineMayCrashTogether),
        Case(Crashes, WallClocksAnHourApartChangeNothing),
        Case(Crashes, WhereNoHintComesTheFirstInLineLooksByItself),
        Case(Losses, WhoseRecordIsTakenIsTold),
        Case(Losses, RefreshesAreRepeatedUntilTheDeadlineAndThenTheLossIsTold),
        Case(Losses, ARefreshThatIsUnderWayEndsBeforeTheRelease),
        Case(Losses, DisposingSurvivesAnOutage),
        Case(Losses, AWaitWhoseStoreIsAwayEndsInTime),
        Case(Losses, WhatIsNoRecordIsAnErrorAndIsKept),
        Case(NothingStays, AWaitThatIsCancelledLeavesNothing),
        Case(NothingStays, AWaitThatIsCancelledOnItsWayLeavesNothing),
        Case(NothingStays, AnswersThatAreLostChangeNothing),
        Case(NothingStays, WhatLandsLateIsTakenAway),
        Case(NothingStays, DisposingTheClientGivesEverythingUp),
        Case(NothingStays, WhatCannotBeIsRefused),
    ];

    private static ConformanceCase Case(string contract, Func<StoreHarness, Task> run, [CallerArgumentExpression(nameof(run))] string name = "") => new(name, contract, run);

    /// <summary>An interval that may pass in a case: short where time is real.</summary>
    private static TimeSpan Interval(ClaimRig rig) => TimeSpan.FromSeconds(rig.StandsStill ? 2 : rig.Harness.FollowsClock ? 3 : 1);

    /// <summary>Intervals that pass in a case.</summary>
    private static OwnerOptions Quick(ClaimRig rig) => new() { RefreshInterval = Interval(rig), AcquireInterval = Interval(rig) / 4 };

    /// <summary>A look past chaos: what is told, and not whether the store answers, is what a case asks for.</summary>
    private static async Task<OwnershipSnapshot> LookAsync(ClaimRig rig)
    {
        var looking = new ConclaveClient(rig.Behind, new() { LeaveStoreOpen = true, TimeProvider = rig.Clock });
        await using (looking.ConfigureAwait(false))
        {
            return await looking.Owner(Prefix).InspectAsync("x").ConfigureAwait(false);
        }
    }

    /// <summary>An owner whose refreshes are far away: what happens meanwhile needs none.</summary>
    private static MostlyCorrectOwner Calm(RigClient client) => client.Client.Owner(Prefix, new() { RefreshInterval = TimeSpan.FromMinutes(2), AcquireInterval = TimeSpan.FromMinutes(1) });

    /// <summary>An owner of intervals that pass.</summary>
    private static MostlyCorrectOwner Lively(ClaimRig rig, RigClient client) => client.Client.Owner(Prefix, Quick(rig));

    private static async Task<Held> SoonAsync(ClaimRig rig, Task<Held> own)
    {
        var held = await rig.SoonAsync(own, "who is next owns").ConfigureAwait(false);
        rig.Keep(held);
        return held;
    }

    private static async Task<Held> EventuallyAsync(ClaimRig rig, Task<Held> own)
    {
        var held = await rig.EventuallyAsync(own, "who is next owns in the end").ConfigureAwait(false);
        rig.Keep(held);
        return held;
    }

    private static Task<Held> OwnAsync(ClaimRig rig, MostlyCorrectOwner owner, string who = "me") => EventuallyAsync(rig, owner.OwnAsync("x", who).AsTask());

    /// <summary>Takes its place in line.</summary>
    private static async Task<Waits> LineUpAsync(ClaimRig rig, MostlyCorrectOwner owner, int waiters, CancellationToken cancellationToken = default)
    {
        var own = owner.OwnAsync("x", $"waiter {waiters}", cancellationToken).AsTask();
        await LineIsAsync(rig, waiters).ConfigureAwait(false);
        return new(own);
    }

    private static Task GiveUpAsync(ClaimRig rig, Held held) => rig.EventuallyAsync(held.DisposeAsync().AsTask(), "an owner gives up");

    private static Task LineIsAsync(ClaimRig rig, int waiters) =>
        rig.UntilAsync(async () => (await rig.EntriesAsync(Line).ConfigureAwait(false)).Length == waiters, $"{waiters} wait in line");

    private static Task NothingIsLeftAsync(ClaimRig rig, string what) =>
        rig.UntilAsync(async () => (await rig.EntriesAsync("owner/").ConfigureAwait(false)).IsEmpty, $"nothing is left in the store {what}");

    private static async Task<Entry?> RecordAsync(ClaimRig rig) =>
        await rig.EntriesAsync(Record).ConfigureAwait(false) is ImmutableArray<Entry> { Length: 1 } one ? one[0] : null;

    /// <summary>What a crash is to everybody else: nothing comes from there any more.</summary>
    private static void Crash(RigClient client)
    {
        client.Store.OnCommit = (_, _) => throw new StoreUnavailableException("crashed");
        client.Store.OnWait = (_, _) => throw new StoreUnavailableException("crashed");
    }

    private static bool IsRefresh(Transaction transaction) => transaction.Conditions is [{ Key: Record, Revision: > 0 }] && transaction.Writes is [{ IsDelete: false }];

    private static bool IsPut(Transaction transaction) => transaction.Writes.Any(w => !w.IsDelete);

    private static bool IsWithdrawal(Transaction transaction) => transaction.Writes is [.., { IsDelete: true }];

    private static async Task CancelledAsync(ClaimRig rig, CancellationTokenSource cancel, Task wait)
    {
        await cancel.CancelAsync().ConfigureAwait(false);
        _ = await Check.ThrowsAsync<OperationCanceledException>(() => rig.SoonAsync(wait, "a wait that is cancelled ends"), "a wait that is cancelled").ConfigureAwait(false);
    }

    /// <summary>One who waits, wrapped so that awaiting the start of the wait does not await its end.</summary>
    private sealed record Waits(Task<Held> Own);
}
