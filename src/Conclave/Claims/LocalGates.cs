namespace Conclave;

/// <summary>
/// The queues of this process, one per name, first in first out. Only the head of a queue stands in the store's queue, so ten thousand local
/// waiters cost the store nothing.
/// </summary>
internal sealed class LocalGates(TimeProvider time)
{
    private readonly Lock _lock = new();

    // a name is here while somebody is inside; the list is made for the first who has to wait
    private readonly Dictionary<string, LinkedList<Waiter>?> _queues = new(StringComparer.Ordinal);

    /// <summary>Waits for the turn of this caller.</summary>
    /// <returns>False when the timeout came first.</returns>
    public ValueTask<bool> EnterAsync(string queue, TimeSpan timeout, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            if (!_queues.TryGetValue(queue, out var waiters))
            {
                _queues.Add(queue, null);
                return new(true);
            }

            if (timeout == TimeSpan.Zero)
            {
                return new(false);
            }

            if (waiters is null)
            {
                _queues[queue] = waiters = new();
            }

            var waiter = new Waiter();
            waiters.AddLast(waiter.Place);
            return new(timeout == Timeout.InfiniteTimeSpan && !cancellationToken.CanBeCanceled
                ? waiter.Turn.Task
                : WaitAsync(waiter, timeout, cancellationToken));
        }
    }

    /// <summary>Lets the next one in.</summary>
    public void Exit(string queue)
    {
        lock (_lock)
        {
            var waiters = _queues[queue];
            if (waiters?.First is { } next)
            {
                waiters.Remove(next);
                next.Value.Turn.SetResult(true);
            }
            else
            {
                _queues.Remove(queue);
            }
        }
    }

    private async Task<bool> WaitAsync(Waiter waiter, TimeSpan timeout, CancellationToken cancellationToken)
    {
        Task turn = waiter.Turn.Task;
        await turn.WaitAsync(timeout, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_lock)
        {
            // still in the list: nobody called us, so leaving it is all there is to do
            waiter.Place.List?.Remove(waiter.Place);
        }

        // called in the same moment: the turn is ours, and the caller decides what to do with it
        if (!turn.IsCompleted)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }

        return turn.IsCompleted;
    }

    private sealed class Waiter
    {
        public Waiter() => Place = new(this);

        public LinkedListNode<Waiter> Place { get; }

        public TaskCompletionSource<bool> Turn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
