namespace Conclave;

/// <summary>
/// A lock by name for many readers or one writer among all processes that use the same store. First come first served: a reader that comes
/// after a waiting writer waits behind it, so writers are not starved, and neither are readers. Cheap and stateless. Not re-entrant.
/// </summary>
/// <remarks>
/// A reader cannot become a writer: two readers that both try would wait for each other. Release, acquire to write, and look again at what was
/// read.
/// </remarks>
public sealed class DistributedReaderWriterLock
{
    internal const string Kind = "rwlock";

    private readonly Coordinator _coordinator;
    private readonly ClaimQueue _queue;
    private readonly ClaimSource _writers;
    private readonly string _what;

    internal DistributedReaderWriterLock(Coordinator coordinator, string name)
    {
        (_coordinator, _queue, _what) = (coordinator, new ClaimQueue(coordinator, Kind, name), $"The reader-writer lock '{name}'");
        _writers = new(_queue, ClaimRule.Exclusive, _what);
    }

    /// <summary>The name.</summary>
    public string Name => _queue.Name;

    /// <summary>Waits until reading is allowed.</summary>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>The claim; dispose it to release the lock. Its token fences against earlier writers; readers of one process may have the same.</returns>
    /// <inheritdoc cref="DistributedLock.AcquireAsync(CancellationToken)" path="/exception"/>
    public async ValueTask<Claim> AcquireReadAsync(CancellationToken cancellationToken = default) =>
        (await _coordinator.Readers.AcquireAsync(_queue, Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false))!;

    /// <summary>Waits until reading is allowed, for a limited time.</summary>
    /// <param name="timeout">How long to wait; zero tries once, <see cref="Timeout.InfiniteTimeSpan"/> waits without limit.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>The claim.</returns>
    /// <inheritdoc cref="DistributedLock.AcquireAsync(TimeSpan, CancellationToken)" path="/exception"/>
    public async ValueTask<Claim> AcquireReadAsync(TimeSpan timeout, CancellationToken cancellationToken = default) =>
        await TryAcquireReadAsync(timeout, cancellationToken).ConfigureAwait(false) ?? throw AcquireTimeout.Exceeded(_what, timeout);

    /// <summary>Takes the lock to read if that is allowed in time.</summary>
    /// <param name="timeout">How long to wait; by default not at all.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>The claim, or null when a writer holds the lock or waits for it.</returns>
    /// <inheritdoc cref="DistributedLock.TryAcquireAsync" path="/exception"/>
    public ValueTask<Claim?> TryAcquireReadAsync(TimeSpan timeout = default, CancellationToken cancellationToken = default) =>
        _coordinator.Readers.AcquireAsync(_queue, AcquireTimeout.Checked(timeout), cancellationToken);

    /// <summary>Waits until writing is allowed.</summary>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>The claim; dispose it to release the lock.</returns>
    /// <inheritdoc cref="DistributedLock.AcquireAsync(CancellationToken)" path="/exception"/>
    public ValueTask<Claim> AcquireWriteAsync(CancellationToken cancellationToken = default) => _writers.AcquireAsync(cancellationToken);

    /// <summary>Waits until writing is allowed, for a limited time.</summary>
    /// <param name="timeout">How long to wait; zero tries once, <see cref="Timeout.InfiniteTimeSpan"/> waits without limit.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>The claim.</returns>
    /// <inheritdoc cref="DistributedLock.AcquireAsync(TimeSpan, CancellationToken)" path="/exception"/>
    public ValueTask<Claim> AcquireWriteAsync(TimeSpan timeout, CancellationToken cancellationToken = default) => _writers.AcquireAsync(timeout, cancellationToken);

    /// <summary>Takes the lock to write if that is allowed in time.</summary>
    /// <param name="timeout">How long to wait; by default not at all.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>The claim, or null when somebody holds the lock or waits for it.</returns>
    /// <inheritdoc cref="DistributedLock.TryAcquireAsync" path="/exception"/>
    public ValueTask<Claim?> TryAcquireWriteAsync(TimeSpan timeout = default, CancellationToken cancellationToken = default) =>
        _writers.TryAcquireAsync(timeout, cancellationToken);

    /// <summary>Reads who holds the lock and who waits for it. Takes no part in the queue.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The queue as it was at one instant. The readers of one process are one contender.</returns>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    public ValueTask<ClaimQueueSnapshot> InspectAsync(CancellationToken cancellationToken = default) =>
        QueueInspection.InspectAsync(_coordinator, _queue, cancellationToken);
}
