namespace Conclave;

/// <summary>
/// A semaphore by name: at most a number of permits in use at a time among all processes that use the same store, first come first served. All
/// must agree about the number. Cheap and stateless; make one whenever you need it.
/// </summary>
public sealed class DistributedSemaphore
{
    internal const string Kind = "semaphore";

    private readonly Coordinator _coordinator;
    private readonly ClaimQueue _queue;

    internal DistributedSemaphore(Coordinator coordinator, string name, int permits)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(permits);
        (_coordinator, _queue, Permits) = (coordinator, new ClaimQueue(coordinator, Kind, name), permits);
    }

    /// <summary>The name.</summary>
    public string Name => _queue.Name;

    /// <summary>How many permits there are.</summary>
    public int Permits { get; }

    /// <summary>Waits until permits are ours.</summary>
    /// <param name="count">How many, all at once: from 1 to <see cref="Permits"/>. Who wants many is not overtaken by those who want few.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>One claim for the permits; dispose it to give them back. Its token identifies it, and orders nothing: permits are held side by side.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is less than 1, or more than there are.</exception>
    /// <exception cref="RuleMismatchException">Others use the name with another number of permits.</exception>
    /// <inheritdoc cref="DistributedLock.AcquireAsync(CancellationToken)" path="/exception"/>
    public ValueTask<Claim> AcquireAsync(int count = 1, CancellationToken cancellationToken = default) => Claims(count).AcquireAsync(cancellationToken);

    /// <summary>Waits until permits are ours, for a limited time.</summary>
    /// <param name="timeout">How long to wait; zero tries once, <see cref="Timeout.InfiniteTimeSpan"/> waits without limit.</param>
    /// <param name="count">How many, all at once: from 1 to <see cref="Permits"/>.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>One claim for the permits.</returns>
    /// <exception cref="TimeoutException">The permits were not ours in time.</exception>
    /// <inheritdoc cref="AcquireAsync(int, CancellationToken)" path="/exception"/>
    public ValueTask<Claim> AcquireAsync(TimeSpan timeout, int count = 1, CancellationToken cancellationToken = default) =>
        Claims(count).AcquireAsync(timeout, cancellationToken);

    /// <summary>Takes permits if they become ours in time.</summary>
    /// <param name="timeout">How long to wait; by default not at all.</param>
    /// <param name="count">How many, all at once: from 1 to <see cref="Permits"/>.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>One claim for the permits, or null when too few are free, or others wait for them.</returns>
    /// <inheritdoc cref="AcquireAsync(int, CancellationToken)" path="/exception"/>
    public ValueTask<Claim?> TryAcquireAsync(TimeSpan timeout = default, int count = 1, CancellationToken cancellationToken = default) =>
        Claims(count).TryAcquireAsync(timeout, cancellationToken);

    /// <summary>Waits for a permit, runs the work, and gives the permit back.</summary>
    /// <param name="work">The work; its token is cancelled by the caller and by the loss of the permit.</param>
    /// <param name="cancellationToken">Cancels the wait and the work.</param>
    /// <inheritdoc cref="DistributedLock.RunAsync" path="/exception"/>
    public ValueTask RunAsync(Func<Claim, CancellationToken, ValueTask> work, CancellationToken cancellationToken = default) => Claims(1).RunAsync(work, cancellationToken);

    /// <summary>Reads who holds permits and who waits for them, in the order of the queue. Takes no part in it.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The queue as it was at one instant.</returns>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    public ValueTask<ClaimQueueSnapshot> InspectAsync(CancellationToken cancellationToken = default) =>
        QueueInspection.InspectAsync(_coordinator, _queue, cancellationToken);

    private ClaimSource Claims(int count)
    {
        if (count < 1 || count > Permits)
        {
            throw new ArgumentOutOfRangeException(nameof(count), count, $"From 1 to {Permits} permits of the semaphore '{Name}' can be acquired at once.");
        }

        return new(_queue, ClaimRule.OfPermits(Permits, count), $"{count} of the {Permits} permits of the semaphore '{Name}'");
    }
}
