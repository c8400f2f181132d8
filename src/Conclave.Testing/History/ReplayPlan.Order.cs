using System.Collections.Immutable;
using Conclave.Storage;

namespace Conclave.Testing;

internal sealed partial class ReplayPlan
{
    private static ReplayFailure? CheckAnswer(StoreOperation reader, Read read, ImmutableArray<Entry> entries)
    {
        for (int i = 0; i < entries.Length; i++)
        {
            string key = StoreText.Key(entries[i].Key);
            bool fits = read.IsScan
                ? entries[i].Key.StartsWith(read.Key, StringComparison.Ordinal) && (read.StartAfter is null || StoreModel.CodePoints.Instance.Compare(entries[i].Key, read.StartAfter) > 0)
                : entries[i].Key == read.Key;
            if (!fits || entries.Length > read.Limit)
            {
                return new("answer", $"'{StoreText.Read(read)}' answered {entries.Length} entries with {key}, which it did not ask for", [reader]);
            }

            int order = i == 0 ? 1 : StoreModel.CodePoints.Instance.Compare(entries[i].Key, entries[i - 1].Key);
            if (order <= 0)
            {
                return new("order", $"'{StoreText.Read(read)}' answered {key} {(order == 0 ? "twice" : $"after {StoreText.Key(entries[i - 1].Key)}: keys are ordered by their UTF-8 bytes")}", [reader]);
            }
        }

        return null;
    }

    /// <summary>Revisions against each other, and against real time.</summary>
    private ReplayFailure? Order()
    {
        var byRevision = new Dictionary<long, ReplayNode>();
        foreach (var node in Nodes.Where(n => n.Exact is not null))
        {
            if (!byRevision.TryAdd(node.Exact!.Value, node))
            {
                return new("same", $"two commits have the revision {node.Exact}: each that changes something has its own", [byRevision[node.Exact.Value].Operation, node.Operation]);
            }

            if (node.Operation.Result is { } result && result.Revision < node.Exact)
            {
                return new("below", $"the commit has the revision {node.Exact}, and was answered with the smaller {result.Revision}", [node.Operation]);
            }
        }

        return Acknowledge();
    }

    private ReplayFailure? Acknowledge()
    {
        var known = _history.Where(o => o.End < long.MaxValue).Select(o => (o.End, Revision: HighestSeen(o), Operation: o)).Where(o => o.Revision > 0).OrderBy(o => o.End).ToList();
        var byKey = new Dictionary<string, (long Revision, StoreOperation Operation)>(StringComparer.Ordinal);
        int next = 0;
        long highest = 0;
        StoreOperation? by = null;
        foreach (var node in Nodes.OrderBy(n => n.Start))
        {
            for (; next < known.Count && known[next].End < node.Start; next++)
            {
                (highest, by) = known[next].Revision > highest ? (known[next].Revision, known[next].Operation) : (highest, by);
                foreach (var (key, revision) in Told(known[next].Operation))
                {
                    byKey[key] = byKey.TryGetValue(key, out var last) && last.Revision >= revision ? last : (revision, known[next].Operation);
                }
            }

            node.Acknowledged = highest;
            if (node.Exact <= highest)
            {
                return new("late", $"a commit has the revision {node.Exact}, but {highest} was known before it began: a later commit has a larger one", [by!, node.Operation]);
            }

            if (node is { Kind: ReplayKind.Commit, Operation: { Result: { } result, Transaction.IsReadOnly: true } } && result.Revision < highest)
            {
                return new("stale", $"a read was answered with the revision {result.Revision}, but {highest} was known before it began", [by!, node.Operation]);
            }

            foreach (var entry in node.Operation.Result?.Reads.SelectMany(r => r) ?? [])
            {
                if (byKey.TryGetValue(entry.Key, out var later) && later.Revision > entry.Revision)
                {
                    return new("old", $"{StoreText.Key(entry.Key)} = {StoreText.Entry(entry)} was read, but the key was known to have been put at revision {later.Revision} before the read began", [later.Operation, node.Operation]);
                }
            }
        }

        return null;
    }

    /// <summary>Which revisions of which keys the end of an operation proves.</summary>
    private IEnumerable<(string Key, long Revision)> Told(StoreOperation operation)
    {
        long? own = operation.Outcome == CallOutcome.Answered && _commits.TryGetValue(operation, out var node) ? node.Exact : null;
        var put = own is null ? [] : operation.Transaction!.Writes.Where(w => !w.IsDelete).Select(w => (w.Key, own.Value));
        return put.Concat(operation.Result?.Reads.SelectMany(r => r).Select(e => (e.Key, e.Revision)) ?? []);
    }

    private long HighestSeen(StoreOperation operation)
    {
        long highest = operation.Outcome == CallOutcome.Answered && _commits.TryGetValue(operation, out var node) ? node.Exact ?? 0 : 0;
        if (operation.Result is { } result)
        {
            highest = Math.Max(highest, result.Revision);
            foreach (var entry in result.Reads.SelectMany(r => r))
            {
                highest = Math.Max(highest, entry.Revision);
            }
        }

        return highest;
    }
}
