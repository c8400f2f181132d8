namespace Conclave.Ownership;

/// <summary>
/// The lines of this process, one per key, first in first out. What is held can be passed to the next in line, which costs the store nothing.
/// </summary>
/// <remarks>Source: the in-process keyed lock of lakeFS, with what is held handed over along with the turn.</remarks>
internal sealed class LocalTurns(TimeProvider time)
{
    private readonly Lock _lock = new();

    // a key is here while it is somebody's turn; null when nobody waits behind
    private readonly Dictionary<string, LinkedList<Waiter>?> _lines = new(StringComparer.Ordinal);

    /// <summary>Waits for the turn of this caller.</summary>
    /// <returns>Whether it came before the timeout, and what was passed with it. A turn in the moment of a cancellation is a turn.</returns>
    public ValueTask<(bool IsMine, Hold? Passed)> EnterAsync(string key, TimeSpan timeout, CancellationToken cancellationToken, CancellationToken stopping)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            if (!_lines.TryGetValue(key, out var line))
            {
                _lines.Add(key, null);
                return new((true, null));
            }

            if (timeout == TimeSpan.Zero)
            {
                return new((false, null));
            }

            var waiter = new Waiter();
            _lines[key] = line ??= new();
            line.AddLast(waiter.Place);
            return new(WaitAsync(waiter, timeout, cancellationToken, stopping));
        }
    }

    /// <summary>Whether somebody of this process waits.</summary>
    public bool IsWanted(string key)
    {
        lock (_lock)
        {
            return _lines.GetValueOrDefault(key) is { Count: > 0 };
        }
    }

    /// <summary>Passes what is held to the next in line.</summary>
    /// <returns>False when nobody waits; then it is still the caller's turn.</returns>
    public bool TryPass(string key, Hold hold)
    {
        lock (_lock)
        {
            return Next(key)?.Turn.TrySetResult(hold) ?? false;
        }
    }

    /// <summary>Ends the caller's turn.</summary>
    public void Exit(string key)
    {
        lock (_lock)
        {
            if (Next(key) is { } next)
            {
                next.Turn.SetResult(null);
            }
            else
            {
                _lines.Remove(key);
            }
        }
    }

    private Waiter? Next(string key)
    {
        var next = _lines[key]?.First;
        next?.List!.Remove(next);
        return next?.Value;
    }

    private async Task<(bool IsMine, Hold? Passed)> WaitAsync(Waiter waiter, TimeSpan timeout, CancellationToken cancellationToken, CancellationToken stopping)
    {
        Task turn = waiter.Turn.Task;
        using (var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stopping))
        {
            await turn.WaitAsync(timeout, time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        lock (_lock)
        {
            waiter.Place.List?.Remove(waiter.Place);
        }

        if (turn.IsCompleted)
        {
            return (true, await waiter.Turn.Task.ConfigureAwait(false));
        }

        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(stopping.IsCancellationRequested, typeof(ConclaveClient));
        return (false, null);
    }

    private sealed class Waiter
    {
        public Waiter() => Place = new(this);

        public LinkedListNode<Waiter> Place { get; }

        public TaskCompletionSource<Hold?> Turn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
