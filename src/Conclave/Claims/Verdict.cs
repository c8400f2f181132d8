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
internal readonly record struct Verdict(VerdictKind Kind, Entry? Mine = null, string? WaitFor = null, ClaimRule Other = default)
{
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

        long ahead = 0;
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
            ahead += other.Weight;
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
            ClaimRuleKind.Permits => ahead + rule.Weight <= rule.Permits ? null : queuePrefix,
            _ => null,
        };
        return waitFor is null ? new(VerdictKind.Granted, mine) : new(VerdictKind.Waiting, mine, waitFor);
    }

    public static bool IsAhead(Entry entry, Entry of) =>
        entry.CreateRevision < of.CreateRevision
        || (entry.CreateRevision == of.CreateRevision && KeyOrder.Instance.Compare(entry.Key, of.Key) < 0);
}
