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
    /// <summary>Judges a queue: contenders stand in the order of their create revisions, those of one commit in the order of their keys.</summary>
    public static Verdict Of(ImmutableArray<Entry> queue, string queuePrefix, string mineKey, ClaimRule rule)
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

        int ahead = 0;
        Entry head = mine;
        Entry? nearest = null;
        Entry? nearestExclusive = null;
        foreach (var entry in queue)
        {
            if (!IsAhead(entry, mine))
            {
                continue;
            }

            var other = ClaimRule.Parse(entry.Value.Span, out _);
            head = IsAhead(entry, head) ? entry : head;
            ahead++;
            nearest = nearest is null || IsAhead(nearest, entry) ? entry : nearest;
            if (other.Kind == ClaimRuleKind.Exclusive)
            {
                nearestExclusive = nearestExclusive is null || IsAhead(nearestExclusive, entry) ? entry : nearestExclusive;
            }
        }

        // the head says what the queue is; others that do not mix with it are about to leave, and must not disturb those who do
        if (head != mine && ClaimRule.Parse(head.Value.Span, out _) is var ruling && !rule.Mixes(ruling))
        {
            return new(VerdictKind.Mismatch, mine, Other: ruling);
        }

        string? waitFor = rule.Kind switch
        {
            ClaimRuleKind.Exclusive => nearest?.Key,
            ClaimRuleKind.Shared => nearestExclusive?.Key,
            ClaimRuleKind.Permits => ahead < rule.Permits ? null : queuePrefix,
            _ => null,
        };
        return waitFor is null ? new(VerdictKind.Granted, mine) : new(VerdictKind.Waiting, mine, waitFor);
    }

    public static bool IsAhead(Entry entry, Entry of) =>
        entry.CreateRevision < of.CreateRevision
        || (entry.CreateRevision == of.CreateRevision && KeyOrder.Instance.Compare(entry.Key, of.Key) < 0);
}
