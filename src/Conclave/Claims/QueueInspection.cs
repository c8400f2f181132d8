using System.Collections.Immutable;
using Conclave.Storage;

namespace Conclave;

/// <summary>Turns the entries of a queue into what people want to know, with the records of the contenders' sessions.</summary>
internal static class QueueInspection
{
    private const int ReadsPerTransaction = 50;

    /// <summary>Reads a queue of one name.</summary>
    public static async ValueTask<ClaimQueueSnapshot> InspectAsync(Coordinator coordinator, ClaimQueue queue, CancellationToken cancellationToken)
    {
        var result = await queue.ReadAsync(cancellationToken).ConfigureAwait(false);
        return await DescribeAsync(coordinator, queue, result.Reads[0], queue.Epoch(result), cancellationToken).ConfigureAwait(false);
    }

    public static async ValueTask<ClaimQueueSnapshot> DescribeAsync(
        Coordinator coordinator, ClaimQueue of, IEnumerable<Entry> entries, long epoch, CancellationToken cancellationToken)
    {
        var queue = entries.OrderBy(e => e.CreateRevision).ThenBy(e => e.Key, KeyOrder.Instance).ToArray();
        var records = new Dictionary<string, SessionRecord?>(StringComparer.Ordinal);
        foreach (string[] sessions in queue.Select(e => e.Session?.Value).OfType<string>().Distinct().Chunk(ReadsPerTransaction))
        {
            var reads = sessions.Select(s => Read.Get(SessionRecord.KeyOf(s))).ToArray();
            var result = await coordinator.CommitAsync(new Transaction(reads: reads), cancellationToken).ConfigureAwait(false);
            for (int i = 0; i < sessions.Length; i++)
            {
                records[sessions[i]] = result.Get(i) is { } record ? SessionRecord.Parse(record.Value) : null;
            }
        }

        long ahead = 0;
        bool exclusiveAhead = false;
        var contenders = ImmutableArray.CreateBuilder<Contender>(queue.Length);
        foreach (var entry in queue)
        {
            DateTimeOffset? joined = null;
            var rule = of.HoldsRules ? ClaimRule.Parse(entry.Value.Span, out joined) : ClaimRule.Exclusive;
            bool isHolder = rule.Kind switch
            {
                ClaimRuleKind.Exclusive => ahead == 0,
                ClaimRuleKind.Shared => !exclusiveAhead,
                ClaimRuleKind.Permits => ahead + rule.Weight <= rule.Permits,
                _ => true,
            };
            ahead += rule.Weight;
            exclusiveAhead |= rule.Kind == ClaimRuleKind.Exclusive;
            contenders.Add(Describe(entry, epoch, entry.Session is { } s ? records.GetValueOrDefault(s.Value) : null, joined, isHolder));
        }

        return new(of.Name, contenders.MoveToImmutable());
    }

    private static Contender Describe(Entry entry, long epoch, SessionRecord? record, DateTimeOffset? joined, bool isHolder)
    {
        return new(
            entry.Key, FencingToken.Create(epoch, entry.CreateRevision), entry.Session?.Value,
            record?.Host, record?.Process, record?.Pid, record?.Label, joined ?? record?.Since, isHolder);
    }
}
