using System.Collections.Immutable;
using Conclave.Storage;

namespace Conclave;

internal enum VerdictKind
{
    /// <summary>The contender's own entry is not there: its session ended, or somebody deleted it.</summary>
    Missing,

    Granted,

    Waiting,

    /// <summary>The head of the queue follows a rule that does not mix with ours.</summary>
    Mismatch,
}

/// <summary>What one reading of a queue says about one contender. Its own entry and its blocker are judged in the same answer.</summary>
/// <param name="Kind">The judgement.</param>
/// <param name="Mine">The contender's entry, where there is one.</param>
/// <param name="WaitFor">The prefix whose next change may change the judgement.</param>
/// <param name="Other">The rule that does not mix.</param>
/// <param name="IsWatched">Whether somebody stands behind the contender, who may wait for news of it.</param>
internal readonly record struct Verdict(VerdictKind Kind, Entry? Mine = null, string? WaitFor = null, ClaimRule Other = default, bool IsWatched = false)
{
    // how many of those who wait for permits watch the whole queue: two, so that one who is stopped holds nobody up
    private const int Lookouts = 2;

    /// <summary>Judges several queues that were joined in one commit: granted when all of them grant.</summary>
    public static Verdict Of(ImmutableArray<ImmutableArray<Entry>> queues, string[] prefixes, string[] mineKeys, ClaimRule rule, bool holdsRules = true)
    {
        var verdict = Of(queues[0], prefixes[0], mineKeys[0], rule, holdsRules);
        for (int i = 1; i < prefixes.Length; i++)
        {
            var other = Of(queues[i], prefixes[i], mineKeys[i], rule, holdsRules);
            verdict = Rank(other.Kind) > Rank(verdict.Kind) ? other : verdict;
        }

        return verdict;

        static int Rank(VerdictKind kind) => kind switch
        {
            VerdictKind.Granted => 0,
            VerdictKind.Waiting => 1,
            VerdictKind.Mismatch => 2,
            _ => 3,
        };
    }

    /// <summary>Judges a queue: contenders stand in the order of their create revisions, those of one commit in the order of their keys.</summary>
    public static Verdict Of(ImmutableArray<Entry> queue, string queuePrefix, string mineKey, ClaimRule rule, bool holdsRules = true)
    {
        Entry? mine = null;
        foreach (var entry in queue)
        {
            if (entry.Key == mineKey)
            {
                mine = entry;
                break;
            }
        }

        if (mine is null)
        {
            return new(VerdictKind.Missing);
        }

        Entry head = mine;
        Entry? nearest = null;
        Entry? nearestExclusive = null;
        foreach (var entry in queue)
        {
            if (!IsAhead(entry, mine))
            {
                continue;
            }

            var other = holdsRules ? ClaimRule.Parse(entry.Value.Span, out _) : ClaimRule.Exclusive;
            head = IsAhead(entry, head) ? entry : head;
            nearest = nearest is null || IsAhead(nearest, entry) ? entry : nearest;
            if (other.Kind == ClaimRuleKind.Exclusive)
            {
                nearestExclusive = nearestExclusive is null || IsAhead(nearestExclusive, entry) ? entry : nearestExclusive;
            }
        }

        // the head says what the queue is; others that do not mix with it are about to leave, and must not disturb those who do
        if (holdsRules && head != mine && ClaimRule.Parse(head.Value.Span, out _) is var ruling && !rule.Mixes(ruling))
        {
            return new(VerdictKind.Mismatch, mine, Other: ruling);
        }

        string? waitFor = rule.Kind switch
        {
            ClaimRuleKind.Exclusive => nearest?.Key,
            ClaimRuleKind.Shared => nearestExclusive?.Key,
            ClaimRuleKind.Permits => nearest is null ? null : OfPermits(queue, queuePrefix, mine, rule),
            _ => null,
        };
        return waitFor is null ? new(VerdictKind.Granted, mine, IsWatched: rule.Kind == ClaimRuleKind.Permits && queue.Any(e => IsAhead(mine, e))) : new(VerdictKind.Waiting, mine, waitFor);
    }

    /// <summary>
    /// Whoever waits for permits is granted after all who wait before it, so only the first of them need to look at all holders; the others
    /// look at one who waits before them: it leaves, or puts its entry once more when it is granted, and then they are among the first.
    /// </summary>
    /// <returns>What to wait for, or null when it is granted.</returns>
    private static string? OfPermits(ImmutableArray<Entry> queue, string queuePrefix, Entry mine, ClaimRule rule)
    {
        var ahead = new List<Entry>(queue.Length);
        foreach (var entry in queue)
        {
            if (IsAhead(entry, mine))
            {
                ahead.Add(entry);
            }
        }

        ahead.Sort(static (a, b) => a == b ? 0 : IsAhead(a, b) ? -1 : 1);
        long used = 0;
        int granted = 0;
        foreach (var entry in ahead)
        {
            used += ClaimRule.Parse(entry.Value.Span, out _).Weight;
            if (used > rule.Permits)
            {
                break;
            }

            granted++;
        }

        return granted == ahead.Count && used + rule.Weight <= rule.Permits ? null
            : ahead.Count - granted < Lookouts ? queuePrefix
            : ahead[^Lookouts].Key;
    }

    public static bool IsAhead(Entry entry, Entry of) =>
        entry.CreateRevision < of.CreateRevision
        || (entry.CreateRevision == of.CreateRevision && KeyOrder.Instance.Compare(entry.Key, of.Key) < 0);
}
