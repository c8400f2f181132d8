using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ClaimConformance
{
    /// <summary>The grant of the session takes its time; that time is gone.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task TheDeadlineCountsFromTheMomentTheSessionWasAskedFor(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        TimeSpan most = default;
        client.Store.OnOpen = async next =>
        {
            var grant = await next().ConfigureAwait(false);
            var late = grant.TimeToLive * 4 / 15;
            most = Believed(grant.TimeToLive) - late;
            client.Clock.Jump(late);
            return grant;
        };
        var claim = await client.AcquireAsync().ConfigureAwait(false);
        var safe = claim.SafeTime;
        Check.That(claim.IsHeld, "a claim whose session was granted a little late is held");
        Check.That(safe <= most, $"the time that a claim is safe, counted from when its session was asked for, is at most {most}, not {safe}");
        Check.That(!rig.StandsStill || safe == most, $"the time that a claim is safe is exactly {most}, not {safe}");
    });

    /// <summary>The answer to a renewal takes its time; that time is gone.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task TheDeadlineCountsFromTheMomentTheRenewalWasSent(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var claim = await client.AcquireAsync().ConfigureAwait(false);
        var late = rig.TimeToLive / 5;
        var believed = Believed(rig.TimeToLive);
        long sent = 0;
        bool answered = false;
        client.Store.OnRenew = async next =>
        {
            Volatile.Write(ref sent, client.Clock.GetTimestamp());
            bool alive = await next().ConfigureAwait(false);
            if (!Volatile.Read(ref answered))
            {
                // the wall clock stays behind, so that nothing but the deadline can tell
                client.Clock.Jump(late);
                client.Clock.StepWallClock(-late);
            }

            Volatile.Write(ref answered, true);
            return alive;
        };
        await rig.UntilAsync(() => Volatile.Read(ref answered), "a renewal is answered").ConfigureAwait(false);
        await rig.SoonUntilAsync(
            () =>
            {
                var since = client.Clock.GetElapsedTime(Volatile.Read(ref sent));
                var safe = claim.SafeTime;
                Check.That(safe <= believed - since, $"{since} after its last renewal was sent a claim is safe for {believed - since} at most, not for {safe}");

                // without the renewal it would be less than half by now
                return safe > believed / 2;
            },
            "a renewal extends what it was asked to extend").ConfigureAwait(false);
        Check.That(claim.IsHeld, "a claim that was renewed is held");
    });

    /// <summary>Renewed every third, safe all the time.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AClaimIsHeldForFiveTimesItsTimeToLiveByRenewingEveryThird(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var claim = await client.AcquireAsync().ConfigureAwait(false);
        var other = rig.Client();
        var waiting = await other.QueueUpAsync(2).ConfigureAwait(false);
        await rig.PassAsync(rig.TimeToLive * 5, () =>
        {
            Check.That(claim.IsHeld, $"a claim that is renewed is held ({claim.State})");
            Check.That(!rig.StandsStill || claim.State == ClaimState.Safe, $"a claim that is renewed in time is safe, not {claim.State}");
        }).ConfigureAwait(false);
        Check.That(!claim.Lost.IsCancellationRequested && !waiting.Task.IsCompleted, "nobody else is granted while a claim is renewed");
        int renewals = client.Store.Renewals;
        Check.That(renewals >= 12 && renewals <= 18 + (3 * rig.Faults), $"five times to live take 15 renewals, more or less, not {renewals}");
        await client.ReleaseAsync(claim).ConfigureAwait(false);
        _ = await other.GrantedAsync(waiting).ConfigureAwait(false);
    });

    /// <summary>One session for all.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AllClaimsOfAClientAreRenewedWithOneRequest(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var claims = new List<Claim>();
        for (int i = 0; i < (rig.StandsStill ? 200 : 20); i++)
        {
            claims.Add(await client.AcquireAsync($"held/{i}").ConfigureAwait(false));
        }

        var (commits, renewals, start) = (client.Store.Commits, client.Store.Renewals, rig.Clock.GetTimestamp());
        await rig.UntilAsync(() => client.Store.Renewals >= renewals + 3, "the session is renewed three times").ConfigureAwait(false);
        Check.Equal(commits, client.Store.Commits, "commits, after three renewals of many claims");
        Check.That(claims.All(c => c.IsHeld), "every claim is held after three renewals");
        Check.That(!rig.StandsStill || rig.Clock.GetElapsedTime(start) > rig.TimeToLive * 0.85, $"three renewals take about one time to live, not {rig.Clock.GetElapsedTime(start)}");
    });

    /// <summary>Safe, at risk, lost; and only then the store lets go.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WithoutAnAnswerAClaimIsAtRiskAndLostBeforeTheStoreLetsGoOfIt(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var claim = await client.AcquireAsync().ConfigureAwait(false);
        int signals = 0;
        using var registration = claim.Lost.Register(() => Interlocked.Increment(ref signals));
        client.Store.OnRenew = _ => throw new StoreUnavailableException("cut off");
        await rig.UntilAsync(() => claim.State == ClaimState.AtRisk, "a claim whose renewal fails is at risk").ConfigureAwait(false);
        Check.That(claim.IsHeld && signals == 0, "a claim at risk is held");
        await rig.UntilAsync(
            async () =>
            {
                // first the store: what it has let go of may not be believed any more
                bool gone = (await rig.QueueAsync().ConfigureAwait(false)).IsEmpty;
                bool held = claim.IsHeld;
                Check.That(!gone || !held, "a claim is lost before the store lets go of it");
                return !held;
            },
            "a claim without renewals is lost").ConfigureAwait(false);
        int renewals = client.Store.Renewals;
        Check.Equal(ClaimState.Lost, claim.State, "the state of a claim without renewals");
        Check.That(!rig.StandsStill || (await rig.QueueAsync().ConfigureAwait(false)).Length == 1, "the store lets go of a claim only after it was lost");
        await rig.SoonUntilAsync(() => Volatile.Read(ref signals) == 1, "the loss is signalled").ConfigureAwait(false);
        var error = await Check.ThrowsAsync<ClaimLostException>(() => Task.Run(claim.ThrowIfLost), "looking at a claim that is lost").ConfigureAwait(false);
        Check.That(error.Cause.Contains("time to live", StringComparison.Ordinal) && error.Token == claim.Token && error.Name == "x", $"the error tells what was lost and why: {error.Message}");
        client.Store.Reset();
        await rig.QueueBecomesAsync(0).ConfigureAwait(false);
        await rig.PassAsync(rig.TimeToLive).ConfigureAwait(false);
        Check.That(client.Store.Renewals - renewals <= (rig.StandsStill ? 0 : 1), $"{client.Store.Renewals - renewals} renewals of a session that is lost");
        Check.Equal((false, ClaimState.Lost), (claim.IsHeld, claim.State), "a lost claim, after the store is back");
        Check.That(!await client.ReleaseAsync(claim).ConfigureAwait(false), "a release of what was lost says so");
        Check.Equal(1, signals, "how often a loss was signalled");
    });

    /// <summary>A bad moment is no loss.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ARenewalThatComesBackInTimeMakesAClaimSafeAgain(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var claim = await client.AcquireAsync().ConfigureAwait(false);
        foreach (var trouble in (Exception[])[new OutcomeUnknownException("no answer"), new StoreUnavailableException("cut off"), new InvalidOperationException("a bug in a provider")])
        {
            client.Store.OnRenew = _ => throw trouble;
            await rig.UntilAsync(() => claim.State == ClaimState.AtRisk, "a claim whose renewal fails is at risk").ConfigureAwait(false);
            client.Store.Reset();
            await rig.UntilAsync(() => claim.State == ClaimState.Safe, "a claim that is renewed again is safe").ConfigureAwait(false);
        }

        Check.That(claim.IsHeld && !claim.Lost.IsCancellationRequested, "a claim that was at risk for a while is not lost");
    });

    /// <summary>A store that throws what it should not costs the session, and not the news of it.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ALossIsToldWhateverTheRenewalThrows(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var claim = await client.AcquireAsync().ConfigureAwait(false);
        client.Store.OnRenew = _ => throw new InvalidOperationException("a bug in a provider");
        await rig.UntilAsync(() => claim.Lost.IsCancellationRequested, "the loss is signalled").ConfigureAwait(false);
    });

    /// <summary>A call that ignores its token must not hold up the next attempt, nor the deadline.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ARenewalThatNeverAnswersIsGivenUpAndTriedAgain(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var claim = await client.AcquireAsync().ConfigureAwait(false);
        var hold = rig.NewHold();
        int begun = 0;
        bool heldAtSecond = false;
        client.Store.OnRenew = async next =>
        {
            if (Interlocked.Increment(ref begun) == 2)
            {
                Volatile.Write(ref heldAtSecond, claim.IsHeld);
            }

            await hold.Task.ConfigureAwait(false);
            return await next().ConfigureAwait(false);
        };
        await rig.UntilAsync(() => claim.State == ClaimState.Lost, "a claim without renewals is lost").ConfigureAwait(false);
        Check.That(begun >= 2 && heldAtSecond, $"a renewal that does not answer is tried again in time: {begun} attempts");
        await rig.SoonUntilAsync(() => claim.Lost.IsCancellationRequested, "the loss is signalled").ConfigureAwait(false);
    });

    /// <summary>The store said yes in time; the answer came when the claim could not be believed any more.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AnAnswerThatComesAfterTheDeadlineExtendsNothing(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var claim = await client.AcquireAsync().ConfigureAwait(false);
        var (answered, hold) = (rig.NewHold(), rig.NewHold());
        client.Store.OnRenew = async next =>
        {
            bool alive = await next().ConfigureAwait(false);
            answered.TrySetResult();
            await hold.Task.ConfigureAwait(false);
            return alive;
        };
        await rig.UntilAsync(() => answered.Task.IsCompleted, "a renewal is answered").ConfigureAwait(false);
        int renewals = client.Store.Renewals;
        client.Clock.Jump(claim.SafeTime + TimeSpan.FromMilliseconds(1));
        hold.SetResult();

        // nobody looks at the claim meanwhile, and no time passes: a look, or the next deadline, would end what had been extended
        await rig.SoonUntilAsync(
            () => claim.Lost.IsCancellationRequested || client.Store.Renewals > renewals,
            "an answer that came after the deadline extends nothing, and the loss is signalled").ConfigureAwait(false);
        Check.That(claim.Lost.IsCancellationRequested && !claim.IsHeld, "an answer that came after the deadline extends nothing");
    });

    /// <summary>How long a session may be believed after it was asked for, by the default margin.</summary>
    private static TimeSpan Believed(TimeSpan timeToLive)
    {
        var guard = TimeSpan.FromTicks(Math.Max(TimeSpan.FromMilliseconds(250).Ticks, timeToLive.Ticks / 30));
        return (timeToLive * 0.999) - guard;
    }
}
