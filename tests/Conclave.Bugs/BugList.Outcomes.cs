namespace Conclave.Bugs;

internal static partial class BugList
{
    /// <summary>Joining and leaving when the store answers late, or not at all.</summary>
    private static Bug[] Outcomes =>
    [
        new("join-without-the-gate", Area.Recipes,
            "A join does not ask whether its session has settled since: a late one lands and blocks the queue.",
            new Edit(JoinFile, "[Condition.Absent(keys[0]), session.Gate],", "$BUG ? [Condition.Absent(keys[0])] : $CODE"),
            new Edit(JoinFile, "conditions[^1] = session.Gate;", "if ($BUG) { return new(conditions[..^1], writes, queue.Reads); } $CODE")),
        new("settling-puts-nothing", Area.Recipes,
            "After a join of unknown outcome the session reads back at once: the join may land after the reading.",
            new Edit("src/Conclave/Sessions/Session.cs",
                "await PutRecordUntilKnownAsync(failed, either.Token).ConfigureAwait(false);",
                "if (!$BUG) { $CODE }")),
        new("unknown-join-forgotten", Area.Recipes,
            "A join of unknown outcome is repeated under a new key, without looking whether the first one stands in the queue.",
            new Edit(JoinFile,
                "await session.SettleAsync(failure => _lastFailure = failure, coordinator.Stopping).ConfigureAwait(false);",
                "if ($BUG) { throw; } $CODE")),
        new("ghost-of-a-cancelled-join", Area.Recipes,
            "A join that lands after its cancellation is not undone and blocks the queue as long as the session lives.",
            new Edit(JoinFile, "coordinator.Track(UndoAsync(running));", "if (!$BUG) { $CODE }")),
        new("cancelled-waiter-stays", Area.Recipes,
            "Who cancels the wait stays in the queue.",
            new Edit(AcquisitionFile, "if (!stays)", "if (!stays && !($BUG && cancellationToken.IsCancellationRequested))")),
        new("timed-out-waiter-stays", Area.Recipes,
            "Who gives up after a timeout stays in the queue.",
            new Edit(AcquisitionFile, "if (!stays)", "$CODE if (!$BUG || cancellationToken.IsCancellationRequested)")),
        new("operation-timeout-ignored", Area.Recipes,
            "An acquire waits without end for a store that does not answer.",
            new Edit(JoinFile, "running.WaitAsync(limit,", "running.WaitAsync($BUG ? Timeout.InfiniteTimeSpan : limit,")),
        new("leave-not-repeated", Area.Recipes,
            "A release of unknown outcome is taken for done.",
            new Edit(CoordinatorFile, "unknown |= e is OutcomeUnknownException;", "$CODE if ($BUG && unknown) { return true; }")),
        new("leave-given-up", Area.Recipes,
            "A release that fails is given up instead of being repeated: the name stays locked as long as the session lives.",
            new Edit(CoordinatorFile, "unknown |= e is OutcomeUnknownException;", "$CODE if ($BUG) { return false; }")),
        new("leave-not-awaited", Area.Recipes,
            "A release returns before the store has confirmed it.",
            new Edit(ClaimFile, "coordinator.Track(leave);", "$CODE if ($BUG) { return true; }")),
        new("release-deletes-the-head", Area.Recipes,
            "Leaving deletes whoever heads the queue by now instead of the own entry.",
            new Edit(CoordinatorFile,
                "var result = await CommitAsync(Leave(mine), Stopping).ConfigureAwait(false);",
                """
                var leave = Leave(mine);
                if ($BUG)
                {
                    var queue = new Transaction(reads: [Read.Scan(mine[0].Key[..(mine[0].Key.LastIndexOf('/') + 1)])]);
                    var head = (await CommitAsync(queue, Stopping).ConfigureAwait(false)).Reads[0].MinBy(e => e.CreateRevision) ?? mine[0];
                    leave = new Transaction([], [Write.Delete(head.Key)], [Read.Get(head.Key)]);
                }

                var result = await CommitAsync(leave, Stopping).ConfigureAwait(false);
                """)),
        new("release-of-what-was-touched", Area.Recipes,
            "A release gives up when somebody has put its entry since: the name stays locked.",
            new Edit(CoordinatorFile, "mine = left;", "if ($BUG) { return false; } $CODE")),
        new("claim-number-reused", Area.Recipes,
            "A claim's key is used again by a later claim of the session: a late delete hits that one.",
            new Edit("src/Conclave/Sessions/Session.cs", "Interlocked.Increment(ref _lastClaim);", "$BUG ? 1 : $CODE")),
        new("release-of-lost-says-ours", Area.Recipes,
            "A release says that the claim was ours although it had been lost.",
            new Edit(ClaimHoldFile,
                "Session.LossReason is null && await Coordinator.LeaveAsync(Session, Mine).ConfigureAwait(false);",
                "(Session.LossReason is null && await Coordinator.LeaveAsync(Session, Mine).ConfigureAwait(false)) || $BUG;")),
        new("release-of-unknown-says-lost", Area.Recipes,
            "A release whose answer was lost says that the claim was not ours.",
            new Edit(CoordinatorFile, "return unknown && session.IsLive();", "return !$BUG && unknown && session.IsLive();")),
        new("dispose-throws", Area.Recipes,
            "Disposing a claim throws when the store is in trouble, and hides what went wrong before.",
            new Edit(ClaimFile, "when (e is ConclaveException or OperationCanceledException or ObjectDisposedException)\n        {\n            // goes on",
                "when (!$BUG && (e is ConclaveException or OperationCanceledException or ObjectDisposedException))\n        {\n            // goes on")),
    ];

    /// <summary>The queues inside one process.</summary>
    private static Bug[] Local =>
    [
        new("local-gate-lifo", Area.Recipes,
            "Among the callers of one process the last one comes first.",
            new Edit(LocalGatesFile, "gate.Waiters.First is", "($BUG ? gate.Waiters.Last : gate.Waiters.First) is")),
        new("local-gate-kept-by-the-cancelled", Area.Recipes,
            "Who cancels keeps the local turn: nobody of the process ever gets the name again.",
            new Edit(ClaimQueueFile, "if (isGated && (hold is null || rule.Kind == ClaimRuleKind.Permits))",
                "if (isGated && (hold is null || rule.Kind == ClaimRuleKind.Permits) && !($BUG && cancellationToken.IsCancellationRequested))")),
        new("local-gate-kept-by-the-timed-out", Area.Recipes,
            "Who gives up after a timeout, or fails, keeps the local turn.",
            new Edit(ClaimQueueFile, "if (isGated && (hold is null || rule.Kind == ClaimRuleKind.Permits))",
                "$CODE if (!$BUG || hold is not null || cancellationToken.IsCancellationRequested)")),
        new("local-turn-lost", Area.Recipes,
            "A turn that comes in the moment of a cancellation is lost with it: nobody of the process ever gets the name again.",
            new Edit(LocalGatesFile, "if (!turn.IsCompleted)", "if (!turn.IsCompleted || $BUG)")),
        new("local-gate-kept-by-the-lost", Area.Recipes,
            "A lost claim that nobody disposes keeps the local turn.",
            new Edit(ClaimHoldFile, "public void OnSessionLost() => LeaveGates();", "public void OnSessionLost() { if (!$BUG) { LeaveGates(); } }")),
        new("no-local-gate", Area.Recipes,
            "Every caller of a process stands in the store's queue: ten thousand local waiters are ten thousand entries.",
            new Edit(LocalGatesFile, "if (!_gates.TryGetValue(queue, out var gate))", "if ($BUG) { return new(true); } $CODE"),
            new Edit(LocalGatesFile, "if (_gates[queue] is { } gate)", "if ($BUG) { return; } $CODE")),
    ];
}
