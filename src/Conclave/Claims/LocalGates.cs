using System.Diagnostics.CodeAnalysis;

namespace Conclave;

/// <summary>
/// The queues of this process, one per name, first in first out. Only who is inside stands in the store's queue, so ten thousand local
/// waiters cost the store nothing. Those who share may be inside together, and never overtake one who waits to be alone.
/// </summary>
internal sealed class LocalGates(TimeProvider time)
{
    private readonly Lock _lock = new();

    // a name is here while somebody is inside; null is one who is alone and has nobody waiting behind
    private readonly Dictionary<string, Gate?> _gates = new(StringComparer.Ordinal);

    /// <summary>Waits for the turn of this caller.</summary>
    /// <param name="queue">The name of the queue.</param>
    /// <param name="shared">True when others who share may be inside too.</param>
    /// <param name="timeout">How long to wait; zero not at all.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>False when the timeout came first.</returns>
    public ValueTask<bool> EnterAsync(string queue, bool shared, TimeSpan timeout, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            if (!_gates.TryGetValue(queue, out var gate))
            {
                _gates.Add(queue, shared ? new Gate { Sharing = 1 } : null);
                return new(true);
            }

            if (gate is null)
            {
                _gates[queue] = gate = new Gate { IsAlone = true };
            }

            if (shared && !gate.IsAlone && gate.Waiters.Count == 0)
            {
                gate.Sharing++;
                return new(true);
            }

            if (timeout == TimeSpan.Zero)
            {
                return new(false);
            }

            var waiter = new Waiter(shared);
            gate.Waiters.AddLast(waiter.Place);
            return new(timeout == Timeout.InfiniteTimeSpan && !cancellationToken.CanBeCanceled
                ? waiter.Turn.Task
                : WaitAsync(queue, waiter, timeout, cancellationToken));
        }
    }

    /// <summary>Lets the next ones in.</summary>
    public void Exit(string queue, bool shared)
    {
        lock (_lock)
        {
            if (_gates[queue] is { } gate)
            {
                gate.Sharing -= shared ? 1 : 0;
                gate.IsAlone &= shared;
                Admit(queue, gate);
            }
            else
            {
                _gates.Remove(queue);
            }
        }
    }

    /// <summary>Whether somebody of this process waits to be alone.</summary>
    public bool IsWantedAlone(string queue)
    {
        lock (_lock)
        {
            return _gates.GetValueOrDefault(queue) is { } gate && gate.Waiters.Any(w => !w.IsShared);
        }
    }

    private void Admit(string queue, Gate gate)
    {
        while (gate.Waiters.First is { } next && !gate.IsAlone && (next.Value.IsShared || gate.Sharing == 0))
        {
            gate.Waiters.Remove(next);
            gate.Sharing += next.Value.IsShared ? 1 : 0;
            gate.IsAlone = !next.Value.IsShared;
            next.Value.Turn.SetResult(true);
        }

        if (!gate.IsAlone && gate.Sharing == 0)
        {
            _gates.Remove(queue);
        }
    }

    private async Task<bool> WaitAsync(string queue, Waiter waiter, TimeSpan timeout, CancellationToken cancellationToken)
    {
        Task turn = waiter.Turn.Task;
        await turn.WaitAsync(timeout, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_lock)
        {
            if (waiter.Place.List is { } waiters)
            {
                // nobody called us; whoever stood behind us may be able to go in now
                waiters.Remove(waiter.Place);
                Admit(queue, _gates[queue]!);
            }
        }

        // called in the same moment: the turn is ours, and the caller decides what to do with it
        if (!turn.IsCompleted)
        {
            cancellationToken.ThrowIfCancellationRequested();
        }

        return turn.IsCompleted;
    }

    private sealed class Gate
    {
        public bool IsAlone { get; set; }

        public int Sharing { get; set; }

        [field: MaybeNull]
        public LinkedList<Waiter> Waiters => field ??= new();
    }

    private sealed class Waiter
    {
        public Waiter(bool isShared) => (IsShared, Place) = (isShared, new(this));

        public bool IsShared { get; }

        public LinkedListNode<Waiter> Place { get; }

        public TaskCompletionSource<bool> Turn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
