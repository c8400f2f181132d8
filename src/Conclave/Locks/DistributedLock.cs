namespace Conclave;

/// <summary>
/// A lock by name: one holder at a time among all processes that use the same store, first come first served among processes. Cheap and
/// stateless; make one whenever you need it. Not re-entrant.
/// </summary>
public sealed class DistributedLock
{
    internal const string Kind = "lock";

    private readonly Coordinator _coordinator;
    private readonly ClaimQueue _queue;
    private readonly ClaimSource _claims;

    internal DistributedLock(Coordinator coordinator, string name)
    {
        (_coordinator, _queue) = (coordinator, new ClaimQueue(coordinator, Kind, name));
        _claims = new(_queue, ClaimRule.Exclusive, $"The lock '{name}'");
    }

    /// <summary>The name.</summary>
    public string Name => _queue.Name;

    /// <summary>Waits until the lock is ours.</summary>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>The claim; dispose it to release the lock.</returns>
    /// <exception cref="StoreUnavailableException">The store could not be reached within the operation timeout. Once queued, outages are survived.</exception>
    /// <exception cref="StoreAccessException">The store refused the credentials or the permissions.</exception>
    /// <exception cref="StoreConfigurationException">A setting of the store does not fit.</exception>
    /// <exception cref="StoreFormatException">The stored data is newer, foreign or damaged.</exception>
    /// <exception cref="RuleMismatchException">Others use the name with another rule.</exception>
    public ValueTask<Claim> AcquireAsync(CancellationToken cancellationToken = default) => _claims.AcquireAsync(cancellationToken);

    /// <summary>Waits until the lock is ours, for a limited time.</summary>
    /// <param name="timeout">How long to wait; zero tries once, <see cref="Timeout.InfiniteTimeSpan"/> waits without limit.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>The claim; dispose it to release the lock.</returns>
    /// <exception cref="TimeoutException">The lock was not ours in time.</exception>
    /// <inheritdoc cref="AcquireAsync(CancellationToken)" path="/exception"/>
    public ValueTask<Claim> AcquireAsync(TimeSpan timeout, CancellationToken cancellationToken = default) => _claims.AcquireAsync(timeout, cancellationToken);

    /// <summary>Takes the lock if it becomes ours in time. The timeout is for the queue; a store that does not answer is waited for as long as the
    /// operation timeout says.</summary>
    /// <param name="timeout">How long to wait; by default not at all.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>The claim, or null when somebody else holds the lock.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The timeout is negative.</exception>
    /// <inheritdoc cref="AcquireAsync(CancellationToken)" path="/exception"/>
    public ValueTask<Claim?> TryAcquireAsync(TimeSpan timeout = default, CancellationToken cancellationToken = default) =>
        _claims.TryAcquireAsync(timeout, cancellationToken);

    /// <summary>Waits until the lock is ours, runs the work, and releases the lock.</summary>
    /// <param name="work">The work; its token is cancelled by the caller and by the loss of the lock.</param>
    /// <param name="cancellationToken">Cancels the wait and the work.</param>
    /// <exception cref="ClaimLostException">The lock was lost while the work ran, and the work stopped for it.</exception>
    /// <inheritdoc cref="AcquireAsync(CancellationToken)" path="/exception"/>
    public ValueTask RunAsync(Func<Claim, CancellationToken, ValueTask> work, CancellationToken cancellationToken = default) => _claims.RunAsync(work, cancellationToken);

    /// <summary>Reads who holds the lock and who waits for it. Takes no part in the queue.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The queue as it was at one instant; empty when the lock is free.</returns>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    public ValueTask<ClaimQueueSnapshot> InspectAsync(CancellationToken cancellationToken = default) =>
        QueueInspection.InspectAsync(_coordinator, _queue, cancellationToken);
}
