using System.Runtime.CompilerServices;
using System.Text;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>
/// What the tools promise, as cases that run on any store: through <see cref="ConclaveClient"/>, over a store whose calls are counted, failed
/// and answered never, and through chaos with everything that the contract of <see cref="IStore"/> allows. Each case ends with nobody left in a
/// queue, no session, no wait and no timer.
/// </summary>
public static partial class ToolConformance
{
    /// <summary>All cases, tool by tool.</summary>
    public static IReadOnlyList<ConformanceCase> Cases { get; } =
    [
        Case(AllOrNone, SeveralLocksAreTakenAllOrNoneAndExcludeSingleOnes),
        Case(AllOrNone, OneCommitTakesSeveralLocksAndOneReleasesThem),
        Case(AllOrNone, WhoGivesUpOnSeveralLocksLeavesNothingInAnyQueue),
        Case(AllOrNone, CancellingAWaitForSeveralLocksGivesEveryTurnBack),
        Case(AllOrNone, SeveralLocksWhoseAnswersAreLostAreTakenAndReleasedTogether),
        Case(AllOrNone, TheEndOfASessionFreesAllOfSeveralLocks),
        Case(AllOrNone, NoNamesAndMoreThanSixteenAreRefused),
        Case(NoDeadlock, CallersInOppositeOrderNeverWaitForEachOther),
        Case(ManyOrOne, ReadersReadTogetherAndAWriterIsAlone),
        Case(ManyOrOne, AReaderWriterLockTellsWhoReadsAndWhoWaits),
        Case(OneForAll, ReadersOfOneProcessShareOneContender),
        Case(OneForAll, TheEndOfASessionLosesAllReadersOfAProcess),
        Case(OneForAll, CancellingOneReaderLeavesTheOthersOfItsProcess),
        Case(OneForAll, ReadersWhoseAnswersAreLostStillShareOneContender),
        Case(OneForAll, AReaderWhoseStoreDoesNotAnswerIsNotToldThatTheLockIsTaken),
        Case(NobodyStarves, AReaderThatComesAfterAWaitingWriterWaitsBehindIt),
        Case(NobodyStarves, AReaderFarBehindIsGrantedWhenTheNearestWriterAheadLeaves),
        Case(NobodyStarves, AWriterThatGivesUpLetsReadersOn),
        Case(NobodyStarves, TheLastReaderThatLeavesLetsTheWriterInByAHint),
        Case(NeverMore, NeverMorePermitsAreInUseThanThereAre),
        Case(NeverMore, WhoWantsManyPermitsIsNotOvertakenByWhoWantsFew),
        Case(NeverMore, ATryTakesWhatIsFreeAndDoesNotWait),
        Case(NeverMore, PermitsWhoseAnswersAreLostAreTakenAndGivenBackOnce),
        Case(NeverMore, ImpossibleNumbersOfPermitsAreRefused),
        Case(FreeIsGranted, EveryPermitThatComesFreeIsGrantedByAHint),
        Case(FreeIsGranted, OnlyTheFirstWhoWaitLookAtThePermits),
        Case(FreeIsGranted, PermitsOfASessionThatEndsComeBack),
        Case(OneWaits, AProcessHasOneWaitingContenderHoweverManyWaitInIt),
        Case(OneNumber, AnotherNumberOfPermitsIsRefusedAndDisturbsNobody),
        Case(OneLeads, OneLeadsAtATimeAndAResignationHandsOver),
        Case(OneLeads, LeadershipsNeverOverlapInRandomTraffic),
        Case(OneLeads, TheEndOfALeadersSessionHandsOver),
        Case(OneLeads, AForeignCandidateAheadIsRespected),
        Case(OneLeads, AValueThatLooksLikeARuleIsOnlyAValue),
        Case(OneLeads, ACampaignWhoseAnswerIsLostEndsInOneLeadership),
        Case(Proclaimed, WhatALeaderProclaimsIsSeenByWhoAsksAndWhoObserves),
        Case(Proclaimed, AProclamationWhoseAnswerIsLostEndsWithTheNewValue),
        Case(Proclaimed, AProclamationAfterTheLeadershipEndedIsRefused),
        Case(LeadersInOrder, WhoObservesIsToldEveryLeaderInOrderAndNullWhileThereIsNone),
        Case(LeadersInOrder, WhoObservesLeadersSurvivesAnOutage),
        Case(RunsOnce, RunningLeadsUntilTheWorkEndsAndResigns),
        Case(RunsOnce, AfterALossTheWorkIsStoppedAwaitedAndBegunAgain),
        Case(RunsOnce, WorkThatDoesNotStopInTimeEndsTheRun),
        Case(RunsOnce, CancellingARunStopsTheWorkAndResigns),
        Case(RunsOnce, SettingsOfARunThatCannotBeAreRefused),
        Case(Members, MembersAreToldInTheOrderOfJoiningWithTheirPayloads),
        Case(Members, IdsOfMembersAreNeverUsedAgain),
        Case(Members, AMemberIsGoneWithItsSession),
        Case(Members, AJoinAndAnUpdateWhoseAnswersAreLostCountOnce),
        Case(GroupChanges, WhoObservesAGroupIsToldJoinsChangesAndLeaves),
        Case(GroupChanges, WhatChangedInAGroupDuringAnOutageIsToldAfterwards),
        Case(Rounds, AllGoOnTogetherRoundByRound),
        Case(Rounds, ABarrierOfOneNeverWaits),
        Case(Rounds, ImpossibleNumbersOfParticipantsAreRefused),
        Case(Rounds, ARoundWhoseAnswerIsLostIsCompletedOnce),
        Case(NotArrived, WhoCancelsHasNotArrived),
        Case(NotArrived, WhoseSessionEndsWhileItWaitsArrivesAgain),
        Case(NotArrived, AnArrivalWithAnotherNumberOfParticipantsIsNotCounted),
        Case(NotArrived, AnotherNumberOfParticipantsIsRefusedForWhoComesLater),
        Case(ExactlyOnce, AdditionsOfManyAreCountedExactlyOnce),
        Case(ExactlyOnce, AnAdditionWhoseAnswerIsLostCountsOnce),
        Case(ExactlyOnce, AnAdditionThatIsStillOnItsWayCannotLandLater),
        Case(ExactlyOnce, WhereSessionsEndAnUnknownAdditionCountsOnceOrNotAtAll),
        Case(ExactlyOnce, ANumberIsSetOnlyIfItIsAsExpected),
        Case(ExactlyOnce, ASumThatDoesNotFitChangesNothing),
        Case(ExactlyOnce, ACounterGoesOnWhenItsSessionHasEnded),
        Case(ExactlyOnce, AnUncontendedAdditionTakesTwoRoundTrips),
        Case(Durable, ANumberIsThereWhenNobodyIs),
        Case(Durable, WhoObservesANumberIsToldTheLastOneAcrossAnOutage),
        Case(Durable, WhatIsNoNumberIsAnErrorAndIsKept),
        Case(DoneOnce, ACountdownIsDoneWhenItWasSignalledOftenEnough),
        Case(DoneOnce, SignalsOfManyAreCountedExactlyOnce),
        Case(DoneOnce, WhoWaitsForACountdownSurvivesAnOutage),
        Case(DoneOnce, AnotherCountIsRefusedUntilItIsReset),
        Case(DoneOnce, ImpossibleCountsAreRefused),
        Case(Skew, ClocksThatAgreeAreToldToAgree),
        Case(Skew, AClockThatCannotBeRightIsReportedToEverybody),
        Case(Skew, WithoutAMajorityNoClockIsBlamed),
        Case(Skew, AClockWithoutABoundIsNotBlamedAndWhoDoesNotAnswerIsNamed),
        Case(ClocksStay, AClockWhoseSessionEndsJoinsAgain),
        Case(MapReads, WhatIsSetInAMapIsReadUntilItIsDeleted),
        Case(MapReads, ReadsAndSetsOfAMapTakeOneRoundTripAndUpdatesTwo),
        Case(MapReads, KeysOfAMapNeverMeetAndNeitherDoMaps),
        Case(MapReads, TheLockOfAKeyExcludesWhoAsksForItAndNobodyElse),
        Case(MapErrors, WhatOthersHaveDamagedIsAnErrorThatNamesItAndLeavesTheRestOfAMap),
        Case(MapErrors, WhatDoesNotFitIntoAMapIsRefusedAndNamesTheKey),
        Case(MapExactly, AChangeOfAMapWhoseAnswerIsLostHappensOnce),
        Case(MapExactly, AChangeThatSomebodyHasOverwrittenIsKnownAllTheSame),
        Case(MapExactly, AChangeOfAMapThatIsStillOnItsWayCannotLandLater),
        Case(MapExactly, AChangeThatIsCancelledDisturbsNoLaterOne),
        Case(MapExactly, ChangingAllEntriesMeetsEachOneOnceAndOverwritesNobody),
        Case(MapExactly, OneOrderOfAllCallsOnEachKeyOfAMapExplainsTheirAnswers),
        Case(MapExactly, WhereSessionsEndAnUnknownChangeOfAMapHappensOnceOrNotAtAll),
        Case(MapInOrder, WhoEnumeratesAMapMeetsWhatIsThereThroughoutOnceAndInOrder),
        Case(MapChanges, WhoObservesAMapIsToldWhatChangesAcrossAnOutage),
        Case(MapChanges, WhoObservesALargeMapKnowsInTheEndWhatIsThere),
    ];

    private static ConformanceCase Case(string contract, Func<StoreHarness, Task> run, [CallerArgumentExpression(nameof(run))] string name = "") =>
        new(name, contract, run);

    private static ReadOnlyMemory<byte> Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    /// <summary>What is free, or becomes free without time passing. The rig releases it if the case does not.</summary>
    private static async Task<T> TakeAsync<T>(ClaimRig rig, Task<T> acquire)
        where T : Claim
    {
        var claim = await rig.SoonAsync(acquire, "who is next is granted").ConfigureAwait(false);
        rig.Keep(claim);
        return claim;
    }

    private static Task<T> TakeAsync<T>(ClaimRig rig, ValueTask<T> acquire)
        where T : Claim => TakeAsync(rig, acquire.AsTask());

    /// <summary>What becomes free when time has done what it must.</summary>
    private static async Task<T> TakeEventuallyAsync<T>(ClaimRig rig, Task<T> acquire)
        where T : Claim
    {
        var claim = await rig.EventuallyAsync(acquire, "who is next is granted in the end").ConfigureAwait(false);
        rig.Keep(claim);
        return claim;
    }

    /// <summary>A try of what is free. The rig releases it if the case does not.</summary>
    private static async Task<T> TakeTriedAsync<T>(ClaimRig rig, ValueTask<T?> attempt)
        where T : Claim
    {
        var claim = await rig.SoonAsync(attempt.AsTask(), "a try ends").ConfigureAwait(false);
        Check.That(claim is not null, "a try gets what is free");
        rig.Keep(claim!);
        return claim!;
    }

    /// <summary>A try that must get nothing.</summary>
    private static async Task FailsAsync<T>(ClaimRig rig, ValueTask<T?> attempt, string what)
        where T : Claim
    {
        var claim = await rig.EventuallyAsync(attempt.AsTask(), $"{what} ends").ConfigureAwait(false);
        if (claim is not null)
        {
            rig.Keep(claim);
            throw new ConformanceException($"{what} gets nothing, but it got token {claim.Token}");
        }
    }

    private static async Task ReleaseAsync(ClaimRig rig, Claim claim) =>
        Check.That(await rig.SoonAsync(claim.ReleaseAsync().AsTask(), $"'{claim.Name}' is released").ConfigureAwait(false), $"a release of '{claim.Name}', which was held, says so");

    private static async Task CancelledAsync(ClaimRig rig, CancellationTokenSource cancel, Task wait)
    {
        await cancel.CancelAsync().ConfigureAwait(false);
        _ = await Check.ThrowsAsync<OperationCanceledException>(() => rig.SoonAsync(wait, "a wait that is cancelled ends"), "a wait that is cancelled").ConfigureAwait(false);
    }

    private static async Task RefusedAsync<T>(Action call, string what)
        where T : Exception =>
        _ = await Check.ThrowsAsync<T>(
            () =>
            {
                call();
                return Task.CompletedTask;
            },
            what).ConfigureAwait(false);

    /// <summary>Runs workers at random until each has done its rounds and the run is strong enough, or it has taken too long for that.</summary>
    private static async Task RunTrafficAsync(ClaimRig rig, int workers, int rounds, Func<int, Random, Task> once, Func<bool> isStrong, Func<string> strength)
    {
        await rig.SoonAsync(
            Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(async () =>
            {
                var random = new Random((rig.Harness.Seed * 1000) + worker);
                long start = TimeProvider.System.GetTimestamp();
                for (int i = 0; i < rounds || (!isStrong() && TimeProvider.System.GetElapsedTime(start) < rig.Harness.Patience / 2); i++)
                {
                    await once(worker, random).ConfigureAwait(false);
                }
            }))),
            "everybody is served").ConfigureAwait(false);
        Check.That(isStrong(), $"too weak: {strength()}");
    }

    /// <summary>What is only read: who asks is told when the store cannot be asked, and asks again.</summary>
    private static async Task<T> PatientlyAsync<T>(ClaimRig rig, Func<ValueTask<T>> ask)
    {
        while (true)
        {
            try
            {
                return await ask().ConfigureAwait(false);
            }
            catch (StoreUnavailableException) when (!rig.IsPlain)
            {
                await Task.Yield();
            }
        }
    }

    private static Task PauseAsync(Random random) => Task.Delay(TimeSpan.FromMilliseconds(random.Next(4)), TimeProvider.System);
}
