namespace Conclave.Bugs;

internal static partial class BugList
{
    private const string SessionFile = "src/Conclave/Sessions/Session.cs";
    private const string RenewalFile = "src/Conclave/Sessions/Session.Renewal.cs";

    /// <summary>How long a session is believed.</summary>
    private static Bug[] Sessions =>
    [
        new("open-counts-from-the-answer", Area.Recipes,
            "A new session is believed from its answer instead of its request: after a slow answer for longer than the store keeps it.",
            new Edit(SessionFile,
                "{ _sentAt = sentAt, _wallAtSend = wallAtSend };",
                "{ _sentAt = $BUG ? time.GetTimestamp() : sentAt, _wallAtSend = $BUG ? time.GetUtcNow().Ticks : wallAtSend };")),
        new("renewal-counts-from-the-answer", Area.Recipes,
            "A renewal extends from its answer instead of its request.",
            new Edit(RenewalFile,
                "        Extend(sentAt, wallAtSend);",
                "if ($BUG) { (sentAt, wallAtSend) = (_time.GetTimestamp(), _time.GetUtcNow().Ticks); } $CODE")),
        new("late-renewal-revives", Area.Recipes,
            "A renewal whose answer comes after the loss brings the session back to life.",
            new Edit(RenewalFile,
                "if (_lossReason is not null || _time.GetElapsedTime(_sentAt) >= _believed)",
                "if ($BUG ? (_lossReason = null) is not null : _lossReason is not null || _time.GetElapsedTime(_sentAt) >= _believed)")),
        new("no-margin", Area.Recipes,
            "A session is believed for its whole time to live, so holder and store may disagree.",
            new Edit("src/Conclave/Sessions/DeadlineMargin.cs",
                "(timeToLive * (1 - ClientDrift - EngineDrift)) - GuardFor(timeToLive);",
                "$BUG ? timeToLive : $CODE")),
        new("held-by-the-timer", Area.Recipes,
            "Whether a claim is held is not looked up on the clock: after a pause it seems held until a timer fires.",
            new Edit(SessionFile, "if (elapsed >= _believed)", "if (elapsed >= _believed && !$BUG)"),
            new Edit(SessionFile,
                "    private void OnDeadline()\n    {\n",
                "$CODE if ($BUG && SafeTime == TimeSpan.Zero) { MarkLost(SessionLossCause.DeadlinePassed, \"its time to live passed without a renewal\"); return; }\n")),
        new("wall-clock-jump-ignored", Area.Recipes,
            "A wall clock that ran ahead, as after a paused virtual machine, is not noticed.",
            new Edit(SessionFile, "TimeSpan.FromTicks(_time.GetUtcNow().Ticks - Volatile", "!$BUG && $CODE")),
        new("wall-clock-jump-kills", Area.Recipes,
            "A wall clock that was set forward ends the session instead of asking the store.",
            new Edit(SessionFile, "            WakeRenewals();\n", "if ($BUG) { MarkLost(SessionLossCause.DeadlinePassed, \"the clock jumped\"); } $CODE")),
        new("gone-but-believed", Area.Recipes,
            "The store's answer that it does not know the session any more is not looked at.",
            new Edit(RenewalFile, "if (!alive)", "if (!alive && !$BUG)")),
        new("renewal-given-up", Area.Recipes,
            "After one renewal that failed the next comes too late.",
            new Edit(RenewalFile, "pause = Backoff.Jitter(retry, 0.1);", "pause = $BUG ? TimeToLive : Backoff.Jitter(retry, 0.1);")),
        new("renewal-hangs", Area.Recipes,
            "A renewal that gets no answer is waited for without end, although the next one would get through.",
            new Edit(RenewalFile, "new CancellationTokenSource(TimeToLive / 6, _renewalTimers)", "new CancellationTokenSource($BUG ? TimeToLive * 10 : TimeToLive / 6, _renewalTimers)")),
        new("renews-too-often", Area.Recipes,
            "A session is renewed ten times as often as it must be.",
            new Edit(RenewalFile, "var interval = TimeToLive / 3;", "var interval = TimeToLive / ($BUG ? 30 : 3);")),
        new("never-at-risk", Area.Recipes,
            "A claim whose renewal is overdue still says that it is safe.",
            new Edit(SessionFile, "return Volatile.Read(ref _overdue) != 0 ||", "return !$BUG && Volatile.Read(ref _overdue) != 0 || !$BUG &&")),
        new("lost-never-fires", Area.Recipes,
            "Nobody who works under a claim hears that it is lost.",
            new Edit(ClaimFile, "((CancellationTokenSource)source!).Cancel(), source);", "{ if (!$BUG) { ((CancellationTokenSource)source!).Cancel(); } }, source);")),
        new("lost-fires-on-release", Area.Recipes,
            "A release looks like a loss to who works under the claim.",
            new Edit(ClaimFile, "            OnReleased();", "$CODE if ($BUG) { Volatile.Read(ref _lost)?.Cancel(); }")),
        new("dispose-leaves-the-session", Area.Recipes,
            "A client that is disposed does not close its session: what it held stays locked for the time to live.",
            new Edit(SessionFile, "        if (open)\n", "if (open && !$BUG)\n")),
        new("lost-session-used-on", Area.Recipes,
            "After a loss the client goes on with the session that is gone instead of opening another.",
            new Edit(CoordinatorFile, "if (_session is not { LossReason: null })", "if ($BUG ? _session is null : _session is not { LossReason: null })")),
        new("session-per-acquire", Area.Recipes,
            "Every acquire opens a session of its own, and each is renewed on its own.",
            new Edit(CoordinatorFile,
                "return Volatile.Read(ref _session) is { LossReason: null } session ? new(session) : OpenSessionAsync(cancellationToken);",
                """
                if ($BUG) { Volatile.Write(ref _session, null); }
                $CODE
                """)),
    ];
}
