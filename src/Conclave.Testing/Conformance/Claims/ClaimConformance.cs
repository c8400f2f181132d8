using System.Runtime.CompilerServices;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>
/// What claims promise, as cases that run on any store: through <see cref="ConclaveClient"/>, over a store whose calls are counted, held,
/// failed and answered late, and through chaos with everything that the contract of <see cref="IStore"/> allows. Each case ends with nobody
/// left in a queue, no session, no wait and no timer.
/// </summary>
public static partial class ClaimConformance
{
    private const string Exclusive = "Claims: one holder at a time, first come first served among processes; names that differ never meet.";
    private const string OneRoundTrip = "Claims: join and leave are one commit each; local waiters cost the store nothing and are served in order.";
    private const string WokenByHints = "Claims: who waits is woken by a hint when its own predecessor leaves, and by nothing else.";
    private const string OnlyContenders = "Claims: an unreadable value counts as exclusive; another rule or n is a RuleMismatchException for who comes later, and disturbs nobody else.";
    private const string CreatedAndDeletedOnce = "Claims: a claim's key is created once and deleted once, so leaving is safe to repeat and never hits a later claim.";
    private const string TokensRise = "Claims: the token, epoch · 2^48 + create revision, rises strictly over release, expiry, kill, restart and epoch raise.";
    private const string NoGhosts = "Claims: after a join whose outcome is unknown or that was cancelled, nobody is left in a queue without knowing.";
    private const string NoUnknowns = "Claims: acquire and release never surface an unknown outcome; once queued a contender survives outages; a release goes on in the background.";
    private const string NoPhantoms = "Claims: granted only if the own entry is in the same answer and the session's deadline has not passed.";
    private const string SentPlusTimeToLive = "Sessions: the deadline is the moment of sending + time to live - margin; a late reply extends nothing.";
    private const string RenewedTogether = "Sessions: one session for all claims, renewed every third of its time to live, held as long as it is renewed.";
    private const string LostInTime = "Sessions: safe, at risk, lost; the holder stops believing before the store lets go, and Lost fires once.";
    private const string FirstLook = "Sessions: after a pause the first look tells the truth; the fenced resource refuses the late write.";
    private const string NothingOutlives = "Clients: disposing releases every claim, ends every wait, never throws for trouble with the store, and leaves nothing behind.";
    private const string CancelledAnywhere = "Claims: cancellation at every await leaves nothing behind.";

    /// <summary>All cases, in the order of the design.</summary>
    public static IReadOnlyList<ConformanceCase> Cases { get; } =
    [
        Case(Exclusive, OneClientAtATimeHoldsAndAReleaseLetsTheNextOneIn),
        Case(Exclusive, ClientsAreServedInTheOrderInWhichTheyCame),
        Case(Exclusive, ACrowdInOneProcessDoesNotOvertakeAnother),
        Case(Exclusive, AWaiterThatDiesHoldsUpNobodyBehindIt),
        Case(Exclusive, ATimeoutEndsTheWaitAndLeavesNothingBehind),
        Case(Exclusive, NamesThatLookAlikeNeverMeet),
        Case(Exclusive, InspectingTellsWhoHoldsAndWhoWaits),
        Case(Exclusive, WorkUnderALockRunsAloneAndItsTokenEndsWithTheCaller),
        Case(Exclusive, RandomTrafficNeverLetsTwoIn),
        Case(OneRoundTrip, UncontendedAnAcquireAndAReleaseAreTwoCommits),
        Case(OneRoundTrip, LocalWaitersCostTheStoreNothingAndAreServedInOrder),
        Case(OneRoundTrip, ALocalWaiterThatGivesUpLetsTheOthersPass),
        Case(WokenByHints, AReleaseWakesTheNextByAHintAndNotByATimer),
        Case(WokenByHints, OnlyTheNextInLineIsWokenByARelease),
        Case(OnlyContenders, AForeignContenderExcludesUsUntilItLeaves),
        Case(OnlyContenders, ANameThatOthersUseWithAnotherRuleIsRefusedWithoutDisturbingThem),
        Case(CreatedAndDeletedOnce, KeysOfClaimsAreNeverUsedAgain),
        Case(CreatedAndDeletedOnce, ReleasingTwiceOrFromManySidesRemovesOnlyThisClaim),
        Case(CreatedAndDeletedOnce, AContenderThatSomebodyHasPutAgainIsStillReleased),
        Case(CreatedAndDeletedOnce, AReleaseTellsWhetherTheClaimWasStillOurs),
        Case(CreatedAndDeletedOnce, ALateRepeatOfALeaveNeverRemovesALaterClaim),
        Case(TokensRise, ATokenIsEpochAndCreateRevisionOfTheContender),
        Case(TokensRise, TokensRiseOverReleaseCloseAndReopening),
        Case(TokensRise, TokensRiseOverExpiryKillAndRestart),
        Case(TokensRise, RaisingTheEpochRaisesEveryLaterToken),
        Case(TokensRise, AnEpochThatCannotBeReadIsAnErrorAndNeverASmallerToken),
        Case(TokensRise, RandomTrafficWhileSessionsEndKeepsTokensRising),
        Case(NoGhosts, AJoinWhoseAnswerIsLostEndsInOneClaim),
        Case(NoGhosts, AJoinThatLandsAfterItsCancellationLeavesNoGhost),
        Case(NoGhosts, AJoinThatWasGivenUpCannotLandOnceTheSessionHasSettled),
        Case(NoGhosts, AJoinWhoseAnswerIsLostBeforeAccessIsRefusedLeavesNoGhost),
        Case(NoUnknowns, ALeaveWhoseAnswerIsLostIsRepeatedAndCountsAsOurs),
        Case(NoUnknowns, ALeaveThatIsRefusedForGoodIsTriedUntilItIsNot),
        Case(NoUnknowns, AStoreThatCannotBeJoinedInTimeIsReportedAndNothingIsLeft),
        Case(NoUnknowns, AnErrorThatNoRepetitionMendsIsReportedAtOnce),
        Case(NoUnknowns, OnceQueuedAContenderSurvivesAnOutage),
        Case(NoUnknowns, AReleaseThatDoesNotReachTheStoreGoesOnInTheBackground),
        Case(NoUnknowns, AskingForAReleaseAgainTellsHowTheFirstOneEnded),
        Case(NoPhantoms, AWaiterWhoseSessionEndedJoinsAgainAndIsNeverGrantedAsAPhantom),
        Case(NoPhantoms, AWaiterWhoseSessionIsGoneStandsInTheQueueAgainAtOnce),
        Case(NoPhantoms, TheOwnEntryAndTheBlockerAreJudgedInOneAnswer),
        Case(NoPhantoms, AWaiterWhoseDeadlineHasPassedIsNotGrantedItsOldPlace),
        Case(NoPhantoms, AWaiterWhoseClockIsDisturbedIsGrantedOnceARenewalHasAnswered),
        Case(NoPhantoms, AJoinWhoseReplyIsLateByOneAndAHalfTimesToLiveGivesNoUsableClaim),
        Case(SentPlusTimeToLive, TheDeadlineCountsFromTheMomentTheSessionWasAskedFor),
        Case(SentPlusTimeToLive, TheDeadlineCountsFromTheMomentTheRenewalWasSent),
        Case(SentPlusTimeToLive, ASessionWhoseGrantIsLateByOneAndAHalfTimesToLiveIsNotUsed),
        Case(SentPlusTimeToLive, AnAnswerThatComesAfterTheDeadlineExtendsNothing),
        Case(RenewedTogether, AClaimIsHeldForFiveTimesItsTimeToLiveByRenewingEveryThird),
        Case(RenewedTogether, AllClaimsOfAClientAreRenewedWithOneRequest),
        Case(LostInTime, WithoutAnAnswerAClaimIsAtRiskAndLostBeforeTheStoreLetsGoOfIt),
        Case(LostInTime, ARenewalThatComesBackInTimeMakesAClaimSafeAgain),
        Case(LostInTime, ARenewalThatNeverAnswersIsGivenUpAndTriedAgain),
        Case(LostInTime, ALossIsToldWhateverTheRenewalThrows),
        Case(LostInTime, ASessionThatTheStoreHasForgottenIsLostWithTheNextRenewal),
        Case(FirstLook, AfterAPauseTheFirstLookTellsTheTruthAndTheLateWriteIsRefused),
        Case(FirstLook, AWallClockThatRanAheadMakesAClaimUncertainUntilARenewalAnswers),
        Case(NothingOutlives, DisposingAClientReleasesItsClaimsAndTellsWhoHoldsThem),
        Case(NothingOutlives, DisposingAClientEndsEverythingThatWaits),
        Case(NothingOutlives, DisposingNeverThrowsForTroubleWithTheStore),
        Case(NothingOutlives, AfterAnOutageThatCostTheSessionAClientIsDisposedAsAlways),
        Case(CancelledAnywhere, CancellingAtEveryCallLeavesNothingBehind),
        Case(CancelledAnywhere, ALocalTurnThatMeetsACancellationIsNotLost),
        Case(CancelledAnywhere, CancellingAtAnyMomentLeavesNothingBehind),
    ];

    private static ConformanceCase Case(string contract, Func<StoreHarness, Task> run, [CallerArgumentExpression(nameof(run))] string name = "") =>
        new(name, contract, run);

    private static ReadOnlyMemory<byte> Bytes(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    private static string Text(Entry entry) => System.Text.Encoding.UTF8.GetString(entry.Value.Span);
}
