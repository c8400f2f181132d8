using System.Collections.Immutable;
using Conclave.Storage;

namespace Conclave;

/// <summary>Turns the entries of a queue into what people want to know, with the records of the contenders' sessions.</summary>
internal static class QueueInspection
{
    private const int ReadsPerTransaction = 50;

    public static async ValueTask<ClaimQueueSnapshot> DescribeAsync(
        Coordinator coordinator, string name, IEnumerable<Entry> entries, long epoch, CancellationToken cancellationToken)
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

        return new(name, [.. queue.Select(e => Describe(e, epoch, e.Session is { } s ? records.GetValueOrDefault(s.Value) : null))]);
    }

    private static Contender Describe(Entry entry, long epoch, SessionRecord? record)
    {
        _ = ClaimRule.Parse(entry.Value.Span, out var joined);
        return new(
            entry.Key, FencingToken.Create(epoch, entry.CreateRevision), entry.Session?.Value,
            record?.Host, record?.Process, record?.Pid, record?.Label, joined ?? record?.Since);
    }
}
