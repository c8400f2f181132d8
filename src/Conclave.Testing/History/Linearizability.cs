using System.Globalization;

namespace Conclave.Testing;

/// <summary>
/// Checks concurrent histories of objects without revisions: is there one order of all operations, consistent with real time, that explains
/// every answer?
/// </summary>
/// <remarks>
/// The search of Wing and Gong, "Testing and Verifying Concurrent Objects" (JPDC 1993), with the memory of Lowe, "Testing for
/// linearizability" (CCPE 2017), each part of the state on its own as by Horn and Kroening, "Faster linearizability checking via
/// P-compositionality" (FORTE 2015). In the worst case it takes exponential time: keep the histories of one part below a few thousand operations.
/// </remarks>
public static class Linearizability
{
    private const int ExcerptSteps = 200_000;

    /// <summary>Checks a history.</summary>
    /// <param name="model">What the object does when one operation follows the other.</param>
    /// <param name="operations">The history, in any order.</param>
    /// <param name="partOf">Which part of the state an operation is about, such as its key, where the parts are independent; null for one part.
    /// The model then describes one part.</param>
    /// <param name="patience">How long to search, or null for 10 seconds.</param>
    /// <typeparam name="TState">The state.</typeparam>
    /// <typeparam name="TOperation">The operations.</typeparam>
    /// <typeparam name="TResult">The results.</typeparam>
    /// <returns>What was found.</returns>
    public static HistoryVerdict Check<TState, TOperation, TResult>(
        ISequentialModel<TState, TOperation, TResult> model,
        IReadOnlyList<TimedOperation<TOperation, TResult>> operations,
        Func<TOperation, string>? partOf = null,
        TimeSpan? patience = null)
        where TState : notnull
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(operations);
        List<TimedOperation<TOperation, TResult>> ordered = [.. operations.OrderBy(o => o.Start)];
        long start = TimeProvider.System.GetTimestamp();
        var limit = patience ?? TimeSpan.FromSeconds(10);
        bool undecided = false;
        foreach (var part in ordered.GroupBy(o => partOf?.Invoke(o.Operation) ?? ""))
        {
            var search = new LinearizabilitySearch<TState, TOperation, TResult>(model, [.. part], [], steps => (steps & 255) == 0 && TimeProvider.System.GetElapsedTime(start) > limit);
            bool? found = search.Run();
            undecided |= found is null;
            if (found == false)
            {
                var (excerpt, reason) = Shorten(model, [.. part], search.Blocked);
                return new(HistoryFinding.Violated, ordered.Count, reason, [.. excerpt.Select(o => Row(o, ordered))]);
            }
        }

        return undecided
            ? new(HistoryFinding.Undecided, ordered.Count, $"no order was found within {limit.TotalSeconds} s; {ordered.Count(o => !o.IsKnown)} of {ordered.Count} outcomes are unknown")
            : new(HistoryFinding.Linearizable, ordered.Count);
    }

    // an operation that is left out may still have happened, any number of times while it was under way: so what is left is wrong by itself
    private static (IReadOnlyList<TimedOperation<TOperation, TResult>> Excerpt, string Reason) Shorten<TState, TOperation, TResult>(
        ISequentialModel<TState, TOperation, TResult> model, List<TimedOperation<TOperation, TResult>> part, string reason)
        where TState : notnull
    {
        List<TimedOperation<TOperation, TResult>> all = part;
        bool Fails(IReadOnlyList<TimedOperation<TOperation, TResult>> kept, List<TimedOperation<TOperation, TResult>> of)
        {
            var search = new LinearizabilitySearch<TState, TOperation, TResult>(model, kept, [.. of.Except(kept)], steps => steps > ExcerptSteps);
            bool fails = search.Run() == false;
            reason = fails ? search.Blocked : reason;
            return fails;
        }

        // the shortest beginning that fails
        long[] ends = [.. part.Where(o => o.IsKnown).Select(o => o.End).Order()];
        int low = 0;
        int high = ends.Length - 1;
        while (low < high)
        {
            int middle = (low + high) / 2;
            var beginning = Until(part, ends[middle]);
            (low, high) = Fails(beginning, beginning) ? (low, middle) : (middle + 1, high);
        }

        all = high < 0 ? part : Until(part, ends[high]);
        var reduction = new Reduction<TimedOperation<TOperation, TResult>>(all);
        long start = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(5) && reduction.Next() is { } candidate)
        {
            reduction.Report(candidate, candidate.Count > 0 && Fails(candidate, all));
        }

        return ([.. reduction.Current.OrderBy(o => o.Start)], reason);
    }

    private static List<TimedOperation<TOperation, TResult>> Until<TOperation, TResult>(List<TimedOperation<TOperation, TResult>> part, long end) =>
        [.. part.Where(o => o.Start <= end).Select(o => o.End <= end ? o : o with { IsKnown = false })];

    private static HistoryRow Row<TOperation, TResult>(TimedOperation<TOperation, TResult> operation, List<TimedOperation<TOperation, TResult>> ordered) => new(
        ordered.FindIndex(o => o.Start == operation.Start && o.Client == operation.Client) + 1,
        operation.Client,
        operation.Start,
        operation.End,
        string.Create(CultureInfo.InvariantCulture, $"{operation.Operation}"),
        operation.IsKnown ? string.Create(CultureInfo.InvariantCulture, $"{operation.Result}") : "unknown");
}
