using System.Runtime.CompilerServices;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>
/// The contract of <see cref="IStore"/> as cases that any store can be run against, in any test framework or none. Each case is a method that
/// throws; a store is right when none does.
/// </summary>
public static partial class StoreConformance
{
    private const string Linearizable = "1. Linearizable: one revision per commit that changes something, larger than every earlier one; visibility follows revision order.";
    private const string EveryPutCounts = "1. Every put changes the revision, even with equal bytes. Deleting what is absent changes nothing.";
    private const string ReadsAfterWrites = "2. Reads are answered after the commit's own writes; a refused commit writes nothing and its reads show one instant.";
    private const string ScansAreSnapshots = "2. A scan is one snapshot, ordered by UTF-8 bytes; over pages an unchanged entry appears exactly once.";
    private const string SessionsEndInOneStep = "3. Entries put with a session vanish, in one step, when it is closed or expires; never early, and soon after.";
    private const string DeadSessionsWriteNothing = "3. A put with a dead session writes nothing. Renewal never revives. Session ids are never reused.";
    private const string HintsComeSoon = "4. A wait completes soon after anything under its prefix changed past the revision: put, delete, close, expiry.";
    private const string HintsAreBounded = "4. A wait completes after the longest silence at the latest, and does not spin on a quiet prefix in a busy namespace.";
    private const string NothingOutlives = "5. Cancellation before anything was sent applies nothing; disposing ends every wait and leaves nothing behind.";
    private const string NoWallClock = "7. No wall clock, of server or client, ever decides that a live session is dead or a dead one alive.";
    private const string Limits = "8. The limits are the same everywhere: the largest legal transaction is applied.";

    /// <summary>All cases, in the order of the contract.</summary>
    public static IReadOnlyList<ConformanceCase> Cases { get; } =
    [
        Case(Linearizable, ConditionsGuardEveryWrite),
        Case(Linearizable, TheOrderOfRevisionsIsTheOrderOfVisibility),
        Case(Linearizable, AcknowledgedCommitsAreSeenByEveryStoreObject),
        Case(Linearizable, ACounterUnderConditionsLosesNothing),
        Case(Linearizable, RevisionsNeverRepeatOverDeleteExpiryAndReopening),
        Case(EveryPutCounts, APutWithEqualBytesChangesTheRevisionAndKeepsTheCreateRevision),
        Case(EveryPutCounts, DeletingWhatIsAbsentChangesNothing),
        Case(ReadsAfterWrites, AScanAfterAPutSeesItAndOneCommitHasOneRevision),
        Case(ReadsAfterWrites, ARefusedCommitWritesNothingAndAnswersItsReads),
        Case(ScansAreSnapshots, KeysAreOrderedByTheirUtf8Bytes),
        Case(ScansAreSnapshots, APrefixMayEndInTheLastCharacterThereIs),
        Case(ScansAreSnapshots, PagesContinueWhereTheLastOneEnded),
        Case(ScansAreSnapshots, AnUnchangedEntryAppearsOnceInPagesWhileOthersComeAndGo),
        Case(SessionsEndInOneStep, ClosingASessionDeletesItsEntriesInOneRevision),
        Case(SessionsEndInOneStep, AnEntryKeepsTheSessionThatCreatedIt),
        Case(SessionsEndInOneStep, ASessionLivesForItsTimeToLiveAfterEachRenewalAndNotMuchLonger),
        Case(DeadSessionsWriteNothing, APutWithADeadSessionWritesNothing),
        Case(DeadSessionsWriteNothing, AnExpiredSessionIsNeverRevived),
        Case(DeadSessionsWriteNothing, ARenewalAroundTheEndTellsTheTruth),
        Case(SessionsEndInOneStep, TheEndOfManySessionsSparesTheOneThatIsRenewed),
        Case(SessionsEndInOneStep, OthersSeeAllEntriesOfASessionOrNone),
        Case(NoWallClock, AWallClockThatStepsEndsNoSessionAndKeepsNone),
        Case(DeadSessionsWriteNothing, SessionIdsAreNewAndTimesToLiveHaveLimits),
        Case(HintsComeSoon, EveryKindOfChangeWakes),
        Case(HintsComeSoon, ExpiryWakes),
        Case(HintsComeSoon, EverybodyWhoWaitsIsWoken),
        Case(HintsComeSoon, AWaiterFarBehindIsWoken),
        Case(HintsComeSoon, AChangeBetweenTheReadAndTheWaitIsNotMissed),
        Case(HintsComeSoon, AChangeByAnotherStoreObjectWakes),
        Case(HintsComeSoon, NoWakeUpIsLostInARace),
        Case(HintsAreBounded, AWaitEndsAfterTheLongestSilence),
        Case(HintsAreBounded, AQuietPrefixInABusyNamespaceIsLeftInPeace),
        Case(NothingOutlives, ACancelledCallThatWasNotSentAppliesNothing),
        Case(NothingOutlives, ACancelledWaitEndsAtOnce),
        Case(NothingOutlives, DisposingEndsEveryWaitAndLaterCallsAreRefused),
        Case(Limits, TheLargestLegalTransactionIsApplied),
    ];

    private static ConformanceCase Case(string contract, Func<StoreHarness, Task> run, [CallerArgumentExpression(nameof(run))] string name = "") =>
        new(name, contract, run);

    private static ReadOnlyMemory<byte> Bytes(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    private static string Text(Entry entry) => System.Text.Encoding.UTF8.GetString(entry.Value.Span);
}
