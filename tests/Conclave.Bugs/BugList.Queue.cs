namespace Conclave.Bugs;

internal static partial class BugList
{
    private const string AcquisitionFile = "src/Conclave/Claims/Acquisition.cs";
    private const string ClaimFile = "src/Conclave/Claims/Claim.cs";
    private const string ClaimHoldFile = "src/Conclave/Claims/ClaimHold.cs";
    private const string ClaimQueueFile = "src/Conclave/Claims/ClaimQueue.cs";
    private const string VerdictFile = "src/Conclave/Claims/Verdict.cs";
    private const string CoordinatorFile = "src/Conclave/Coordinator.cs";
    private const string JoinFile = "src/Conclave/Claims/Join.cs";
    private const string LeaderLoopFile = "src/Conclave/Leadership/LeaderLoop.cs";
    private const string LocalGatesFile = "src/Conclave/Claims/LocalGates.cs";

    /// <summary>Who is granted, with which token, and how waiting goes.</summary>
    private static Bug[] Queue =>
    [
        new("token-of-the-answer", Area.Recipes,
            "The token is the revision of the answer instead of the contender's own: it depends on what else happened in the store.",
            new Edit(AcquisitionFile,
                "Joined.Mine(keys, answer!)!,",
                "$BUG ? [.. Joined.Mine(keys, answer!)!.Select(e => e with { CreateRevision = answer!.Revision })] : $CODE")),
        new("token-of-the-last-change", Area.Recipes,
            "The token is the revision of the contender's last change instead of its creation: a touched waiter ranks before its place.",
            new Edit(ClaimHoldFile, "mine[0].CreateRevision);", "$BUG ? mine[0].Revision : mine[0].CreateRevision);")),
        new("token-counted-by-the-client", Area.Recipes,
            "Every client counts its own tokens: another client's next grant has a smaller one.",
            new Edit(CoordinatorFile, "public Telemetry Telemetry { get; } = new();", "$CODE internal long CountedTokens;"),
            new Edit(ClaimHoldFile, "Token = FencingToken", "Token = $BUG ? new FencingToken(Interlocked.Increment(ref coordinator.CountedTokens)) : FencingToken")),
        new("epoch-ignored", Area.Recipes,
            "The epoch is no part of the token: after a restore tokens fall.",
            new Edit(ClaimQueueFile, "=> result.Get(Prefixes.Length) is { } epoch", "=> !$BUG && result.Get(Prefixes.Length) is { } epoch")),
        new("epoch-of-the-join", Area.Recipes,
            "The epoch is that of the join: who waited while it was raised gets a token from before.",
            new Edit(AcquisitionFile, "        Verdict verdict = default;\n", "$CODE var atJoin = answer;"),
            new Edit(AcquisitionFile, "queue.Epoch(answer!));", "queue.Epoch($BUG ? atJoin! : answer!));")),
        new("permits-wake-the-herd", Area.Recipes,
            "Everybody who waits for permits looks at the whole queue with each change of it.",
            new Edit(VerdictFile, "ahead.Count - granted < Lookouts ? queuePrefix", "$BUG || ahead.Count - granted < Lookouts ? queuePrefix")),
        new("permits-are-not-announced", Area.Recipes,
            "Who is let in does not say so: who waits for it does not hear of the permits that come free.",
            new Edit(AcquisitionFile, "if (rule.Kind == ClaimRuleKind.Permits && verdict.IsWatched)", "if (!$BUG && rule.Kind == ClaimRuleKind.Permits && verdict.IsWatched)")),
        new("permits-are-announced-with-a-new-entry", Area.Recipes,
            "Who is let in and released at once says that it waits no longer, and so takes the permit for ever.",
            new Edit(ClaimHoldFile, "new Transaction([Condition.Unchanged(mine.Key, mine.Revision)], [Write.Put(mine.Key, mine.Value, Session.Id)]",
                "new Transaction($BUG ? [] : [Condition.Unchanged(mine.Key, mine.Revision)], [Write.Put(mine.Key, mine.Value, Session.Id)]")),
        new("quiet-work-ends-the-run", Area.Recipes,
            "Work that returns quietly, or fails, after its leadership was lost ends the run: nobody of this process campaigns again.",
            new Edit(LeaderLoopFile, "if (leadership.State != ClaimState.Lost ||", "if ($BUG || leadership.State != ClaimState.Lost ||")),
        new("phantom-grant", Area.Recipes,
            "A waiter that finds nobody ahead is granted although its own entry is gone, as in etcd's election.",
            new Edit(AcquisitionFile, "        Verdict verdict = default;\n", "$CODE var phantom = Joined.Mine(keys, answer!)!;"),
            new Edit(AcquisitionFile,
                "verdict = answer is null ? verdict : Verdict.Of(answer.Reads, queue.Prefixes, keys, rule, queue.HoldsRules);",
                """
                $CODE
                if ($BUG && answer is not null && verdict.Kind == VerdictKind.Missing && !phantom.Zip(answer.Reads).Any(q => q.Second.Any(e => Verdict.IsAhead(e, q.First))))
                {
                    verdict = new(VerdictKind.Granted, phantom[0]);
                }
                """),
            new Edit(AcquisitionFile, "Joined.Mine(keys, answer!)!,", "$BUG && Joined.Mine(keys, answer!) is null ? phantom : $CODE")),
        new("judged-from-two-answers", Area.Recipes,
            "Its own entry is judged from one answer and the blocker from the next: what ends in between is granted all the same.",
            new Edit(AcquisitionFile,
                "answer = await TryReadAsync(session, cancellationToken).ConfigureAwait(false);",
                """
                $CODE
                if ($BUG && answer is { } read && await TryReadAsync(session, cancellationToken).ConfigureAwait(false) is { } later)
                {
                    var mixed = keys.Select((key, i) =>
                        (ImmutableArray<Entry>)[.. read.Reads[i].Where(e => e.Key == key), .. later.Reads[i].Where(e => e.Key != key)]);
                    answer = new(true, later.Revision, [.. mixed, later.Reads[^1]]);
                }
                """)),
        new("queue-in-the-order-of-keys", Area.Recipes,
            "The queue is ordered by keys instead of create revisions: who comes later with a smaller key is granted beside the holder.",
            new Edit(VerdictFile,
                "entry.CreateRevision < of.CreateRevision\n",
                "$BUG ? KeyOrder.Instance.Compare(entry.Key, of.Key) < 0 : $CODE")),
        new("rule-mismatch-ignored", Area.Recipes,
            "A name that others use with another rule is waited for in silence instead of being refused.",
            new Edit(VerdictFile, "&& !rule.Mixes(ruling)", "$CODE && !$BUG")),
        new("thundering-herd", Area.Recipes,
            "Every waiter wakes with every change of the queue instead of its predecessor's leaving.",
            new Edit(VerdictFile, "ClaimRuleKind.Exclusive => nearest?.Key,", "ClaimRuleKind.Exclusive => $BUG && nearest is not null ? queuePrefix : nearest?.Key,")),
        new("spinning-wait", Area.Recipes,
            "A waiter reads the queue again and again without waiting for a hint.",
            new Edit(AcquisitionFile,
                "_ = await coordinator.Store.WaitForChangeAsync(waitFor, revision, either.Token).ConfigureAwait(false);",
                "if ($BUG) { await Task.Yield(); } else { $CODE }")),
        new("silence-is-believed", Area.Recipes,
            "Who has heard nothing for long looks at the one before it and goes on waiting whatever it sees: a hint that was lost is waited for for ever.",
            new Edit(AcquisitionFile,
                "return look.Get(0) is not null && look.Get(1)?.Revision == blocker.Revision ?",
                "return $BUG || (look.Get(0) is not null && look.Get(1)?.Revision == blocker.Revision) ?")),
        new("polling-wait", Area.Recipes,
            "A waiter looks every second instead of waiting for a hint: every hand-over takes half a second.",
            new Edit(AcquisitionFile,
                "_ = await coordinator.Store.WaitForChangeAsync(waitFor, revision, either.Token).ConfigureAwait(false);",
                "if ($BUG) { await Task.Delay(TimeSpan.FromSeconds(1), Time, either.Token).ConfigureAwait(false); } else { $CODE }")),
        new("wait-from-now", Area.Recipes,
            "The wait asks for changes after a revision it has not read: a release between the reading and the wait is missed.",
            new Edit(AcquisitionFile,
                "_ = await coordinator.Store.WaitForChangeAsync(waitFor, revision, either.Token).ConfigureAwait(false);",
                "if ($BUG) { revision = long.MaxValue / 2; } $CODE")),
        new("timeout-ignored", Area.Recipes,
            "A waiter that was given a timeout waits without end.",
            new Edit(AcquisitionFile, "var left = timeout ==", "var left = $BUG || timeout ==")),
        new("outage-ends-the-wait", Area.Recipes,
            "A waiter whose store does not answer for a moment loses its place instead of asking again.",
            new Edit(AcquisitionFile,
                """
                            return await queue.ReadAsync(cancellationToken).ConfigureAwait(false);
                        }
                        catch (StoreUnavailableException)
                """,
                "$CODE when (!$BUG)")),
        new("no-second-join", Area.Recipes,
            "A waiter whose session ends comes back without a claim instead of joining again.",
            new Edit(AcquisitionFile, "return (null, MustRejoin: true);", "return (null, MustRejoin: !$BUG);")),
        new("session-gone-but-waiting", Area.Recipes,
            "A waiter does not hear that its session is lost until something else changes.",
            new Edit(AcquisitionFile, "(limit.Token, session.Lost, cancellationToken)", "(limit.Token, $BUG ? default : session.Lost, cancellationToken)")),
    ];
}
