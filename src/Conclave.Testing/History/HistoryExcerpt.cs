using System.Collections.Immutable;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>
/// Makes a history that fails short: first only some of the keys, where that fails as well; then fewer operations, as long as the same
/// operation fails against the same state.
/// </summary>
internal sealed class HistoryExcerpt(List<StoreOperation> ordered, ReplayFailure? failure, Func<bool> isOver)
{
    private Dictionary<StoreOperation, long> _facts = new ReplayPlan(ordered).Facts();
    private ReplayFailure? _failure = failure;

    /// <summary>Finds a short history that fails, or none where neither the whole nor what happened to one or two keys is known to.</summary>
    public (IReadOnlyList<StoreOperation> Shortest, ReplayFailure Failure)? Find()
    {
        IReadOnlyList<StoreOperation> current = _failure is { } broken && IsComplete(broken) ? ordered : Project(ordered);
        if (_failure is null)
        {
            return null;
        }

        if (IsComplete(_failure))
        {
            return ([.. _failure.Culprits.Distinct().OrderBy(o => o.Start)], _failure);
        }

        // most of a long history is not before the end of the operation
        long end = _failure.Culprits[0].End;
        var candidate = WithoutOrphans(current.Where(o => o.Start < end));
        current = Fails(candidate) ? candidate : current;
        var reduction = new Reduction<StoreOperation>(current);
        while (!isOver() && reduction.Next() is { } next)
        {
            candidate = WithoutOrphans(next);
            reduction.Report(candidate, Fails(candidate));
        }

        return (reduction.Current, _failure);
    }

    // a rule that is broken names the operations that break it; what fits nowhere names one, and the rest is to be found
    private static bool IsComplete(ReplayFailure failure) => !failure.Signature.Contains('/', StringComparison.Ordinal);

    private bool Fails(IReadOnlyList<StoreOperation> candidate)
    {
        var (finding, other) = StoreHistoryChecker.Judge(candidate, _facts, isOver);
        bool same = finding == HistoryFinding.Violated && other!.Signature == _failure!.Signature;
        _failure = same ? other! : _failure;
        return same;
    }

    /// <summary>Who saw what was put by a commit that is left out cannot be judged, and is left out as well.</summary>
    private List<StoreOperation> WithoutOrphans(IEnumerable<StoreOperation> operations)
    {
        var left = operations.ToList();
        long culprit = _failure!.Culprits[0].Start;
        int before;
        do
        {
            before = left.Count;
            var revisions = left.Where(_facts.ContainsKey).Select(o => _facts[o]).ToHashSet();
            var unknown = left.Where(o => o.Outcome == CallOutcome.Unknown && o.Transaction is not null).SelectMany(o => o.Transaction!.Writes).Select(w => (w.Key, Value: Convert.ToHexString(w.Value.Span))).ToHashSet();
            left.RemoveAll(o => o.Start != culprit && o.Transaction is { } t
                && (o.Result?.Reads.SelectMany(r => r).Any(e => !revisions.Contains(e.Revision) && !unknown.Contains((e.Key, Convert.ToHexString(e.Value.Span)))) == true
                    || (unknown.Count == 0 && t.Conditions.Any(c => c.Revision > 0 && !revisions.Contains(c.Revision)))));
        }
        while (left.Count < before);

        return left;
    }

    /// <summary>What the history is to one key, or two: if the whole has an order, so has each part.</summary>
    private List<StoreOperation> Project(List<StoreOperation> all)
    {
        string[] keys = [.. all.SelectMany(o => o.Transaction?.Writes ?? []).Select(w => w.Key).Distinct().OrderBy(k => k, StoreModel.CodePoints.Instance)];
        if (keys.Length is 1 or > 60)
        {
            return all;
        }

        var sets = keys.Select(k => (string[])[k]).Concat(keys.SelectMany(a => keys.TakeWhile(b => b != a).Select(b => (string[])[b, a])));
        foreach (string[] some in sets.TakeWhile(_ => !isOver()))
        {
            var facts = new Dictionary<StoreOperation, long>(ReferenceEqualityComparer.Instance);
            var projected = new List<StoreOperation>();
            foreach (var operation in all)
            {
                if (Project(operation, some) is { } part)
                {
                    projected.Add(part);
                    if (part.Transaction is { IsReadOnly: false } && _facts.TryGetValue(operation, out long revision))
                    {
                        facts.Add(part, revision);
                    }
                }
            }

            var (finding, other) = StoreHistoryChecker.Judge(projected, facts, isOver);
            if (finding == HistoryFinding.Violated)
            {
                (_facts, _failure) = (facts, other!);
                return projected;
            }
        }

        return all;
    }

    private static StoreOperation? Project(StoreOperation operation, string[] keys)
    {
        if (operation.Transaction is not { } whole)
        {
            return operation;
        }

        Condition[] conditions = [.. whole.Conditions.Where(c => keys.Contains(c.Key))];
        Write[] writes = [.. whole.Writes.Where(w => keys.Contains(w.Key))];
        bool isRefused = operation is { Outcome: CallOutcome.Answered, Result.Accepted: false };
        if ((isRefused && conditions.Length < whole.Conditions.Length) || (operation.Outcome == CallOutcome.SessionExpired && writes.Length < whole.Writes.Length))
        {
            // the reason may lie outside
            return null;
        }

        var reads = new List<Read>();
        var answers = new List<ImmutableArray<Entry>>();
        for (int i = 0; i < whole.Reads.Length; i++)
        {
            var answer = operation.Result?.Reads[i] ?? [];
            foreach (string key in keys.Where(k => Covers(whole.Reads[i], answer, k)))
            {
                reads.Add(Read.Get(key));
                answers.Add([.. answer.Where(e => e.Key == key)]);
            }
        }

        return conditions.Length + writes.Length + reads.Count == 0 ? null : operation with
        {
            Transaction = new(conditions, writes, reads.ToArray()),
            Result = operation.Result is { } result ? new(result.Accepted, result.Revision, [.. answers]) : null,
        };
    }

    private static bool Covers(Read read, ImmutableArray<Entry> answer, string key) => !read.IsScan
        ? read.Key == key
        : key.StartsWith(read.Key, StringComparison.Ordinal)
            && (read.StartAfter is null || StoreModel.CodePoints.Instance.Compare(key, read.StartAfter) > 0)
            && (answer.Length < read.Limit || StoreModel.CodePoints.Instance.Compare(key, answer[^1].Key) <= 0);
}
