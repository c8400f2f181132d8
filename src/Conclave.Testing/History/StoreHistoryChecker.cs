using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>
/// Checks what was recorded of a store against the contract of <see cref="IStore"/>: that there is one order of everything, consistent with
/// real time and with all revisions, which explains every answer.
/// </summary>
/// <remarks>
/// <para>Revisions make it fast: the history is replayed in their order on a model, and the search branches only where an outcome is unknown,
/// a revision was never seen, or calls overlap. The search is the one of Wing and Gong, "Testing and Verifying Concurrent Objects" (JPDC 1993),
/// with the memory of Lowe, "Testing for linearizability" (CCPE 2017).</para>
/// <para>Values that differ from put to put let it know who wrote what was read. A session may end by itself at any time after it was
/// opened: when it may is not checked here.</para>
/// </remarks>
public sealed class StoreHistoryChecker
{
    /// <summary>How long to search before the history is <see cref="HistoryFinding.Undecided"/>; and how long to look for a short excerpt.</summary>
    /// <value>10 seconds.</value>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Checks a history.</summary>
    /// <param name="history">The history; calls that are under way count as unknown.</param>
    /// <returns>What was found.</returns>
    public HistoryVerdict Check(StoreHistory history)
    {
        ArgumentNullException.ThrowIfNull(history);
        return Check(history.ToList());
    }

    /// <summary>Checks operations.</summary>
    /// <param name="operations">The operations, in any order.</param>
    /// <returns>What was found.</returns>
    public HistoryVerdict Check(IReadOnlyList<StoreOperation> operations)
    {
        ArgumentNullException.ThrowIfNull(operations);
        List<StoreOperation> ordered = [.. operations.OrderBy(o => o.Start)];
        var (finding, failure) = Judge(ordered, null, Deadline(Patience));
        if (finding == HistoryFinding.Linearizable)
        {
            return new(finding, ordered.Count);
        }

        // what is too much for the whole may be easy to see on a single key
        var excerpt = new HistoryExcerpt(ordered, finding == HistoryFinding.Violated ? failure : null, Deadline(Patience / 2));
        return excerpt.Find() is { } found
            ? new(HistoryFinding.Violated, ordered.Count, found.Failure.Reason, [.. found.Shortest.Select(o => Row(o, ordered))])
            : new(finding, ordered.Count, $"no order was found within {Patience.TotalSeconds} s; {ordered.Count(o => o.Outcome == CallOutcome.Unknown)} of {ordered.Count} outcomes are unknown; {failure?.Reason}");
    }

    /// <summary>Judges a history, or an excerpt when <paramref name="facts"/> of the whole are given.</summary>
    internal static (HistoryFinding Finding, ReplayFailure? Failure) Judge(
        IReadOnlyList<StoreOperation> ordered, Dictionary<StoreOperation, long>? facts, Func<bool> isOver)
    {
        // what is found with guessed revisions is found; what is not is searched for again without
        var guessed = new ReplayPlan(ordered, facts, guess: true);
        if (guessed.Failure is null && new ReplaySearch(guessed, isOver).Run(isGuess: true) == true)
        {
            return (HistoryFinding.Linearizable, null);
        }

        var plan = new ReplayPlan(ordered, facts);
        if (plan.Failure is { } broken)
        {
            return (HistoryFinding.Violated, broken);
        }

        var search = new ReplaySearch(plan, isOver);
        switch (search.Run(isGuess: false))
        {
            case true:
                return (HistoryFinding.Linearizable, null);
            case null:
                return (HistoryFinding.Undecided, search.Blocked is { } last ? new("", $"it came as far as client {last.Node.Operation.Client}, {last.Node.Start}..{last.Node.End}: {last.Why.Text}", []) : null);
        }

        if (search.Blocked is not { } blocked)
        {
            return (HistoryFinding.Violated, new("real time", "no order of the revisions fits real time", ordered));
        }

        var operation = blocked.Node.Operation;
        return (HistoryFinding.Violated, new($"{operation.Start}/{blocked.Why.Signature}", $"client {operation.Client}, {operation.Start}..{operation.End}: {blocked.Why.Text}", [operation]));
    }

    private static HistoryRow Row(StoreOperation operation, List<StoreOperation> ordered) => new(
        ordered.FindIndex(o => o.Start == operation.Start && o.Client == operation.Client) + 1,
        operation.Client,
        operation.Start,
        operation.End,
        StoreText.Describe(operation),
        StoreText.Outcome(operation));

    private static Func<bool> Deadline(TimeSpan patience)
    {
        long start = TimeProvider.System.GetTimestamp();
        return () => TimeProvider.System.GetElapsedTime(start) > patience;
    }
}
