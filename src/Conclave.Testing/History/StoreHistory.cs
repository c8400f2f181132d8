namespace Conclave.Testing;

/// <summary>What all clients of one namespace did: the common record of several <see cref="HistoryRecorder"/>s.</summary>
public sealed class StoreHistory
{
    private readonly Lock _lock = new();
    private readonly List<StoreOperation> _operations = [];
    private long _sequence;
    private int _clients;

    /// <summary>How many calls have begun.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _operations.Count;
            }
        }
    }

    /// <summary>The calls so far in the order in which they began; those under way have an unknown outcome.</summary>
    public IReadOnlyList<StoreOperation> ToList()
    {
        lock (_lock)
        {
            return [.. _operations];
        }
    }

    internal int NewClient() => Interlocked.Increment(ref _clients);

    internal (int Position, StoreOperation Operation) Begin(StoreOperation operation)
    {
        lock (_lock)
        {
            operation = operation with { Start = ++_sequence, End = long.MaxValue, Outcome = CallOutcome.Unknown };
            _operations.Add(operation);
            return (_operations.Count - 1, operation);
        }
    }

    internal void End(int position, StoreOperation operation)
    {
        lock (_lock)
        {
            _operations[position] = operation with { End = ++_sequence };
        }
    }
}
