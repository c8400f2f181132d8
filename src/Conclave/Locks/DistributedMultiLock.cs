using Conclave.Storage;

namespace Conclave;

/// <summary>
/// Several locks at once: all of them or none. The names are joined in one commit, so that two callers, whatever the order of their names, can
/// never wait for each other. Each name is the same lock as <see cref="ConclaveClient.Lock"/> gives.
/// </summary>
public sealed class DistributedMultiLock
{
    /// <summary>The most names of one lock.</summary>
    public const int MaxNames = 16;

    private readonly ClaimSource _claims;

    internal DistributedMultiLock(Coordinator coordinator, ReadOnlySpan<string> names)
    {
        string[] distinct = [.. names.ToArray().Distinct(StringComparer.Ordinal)];
        if (distinct.Length is 0 or > MaxNames)
        {
            throw new ArgumentException($"A lock of several names takes from 1 to {MaxNames} of them; these are {distinct.Length}.", nameof(names));
        }

        var queue = new ClaimQueue(coordinator, DistributedLock.Kind, distinct);
        _claims = new(queue, ClaimRule.Exclusive, $"The locks {queue.Name}");
        Names = [.. queue.Prefixes.Select(p => StoreNames.Unescape(p[(DistributedLock.Kind.Length + 1)..^1]))];
    }

    /// <summary>The names, each once, in the order of their keys.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Waits until all locks are ours.</summary>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>One claim for all names, with one token; dispose it to release them together.</returns>
    /// <inheritdoc cref="DistributedLock.AcquireAsync(CancellationToken)" path="/exception"/>
    public ValueTask<Claim> AcquireAsync(CancellationToken cancellationToken = default) => _claims.AcquireAsync(cancellationToken);

    /// <summary>Waits until all locks are ours, for a limited time.</summary>
    /// <param name="timeout">How long to wait; zero tries once, <see cref="Timeout.InfiniteTimeSpan"/> waits without limit.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>One claim for all names.</returns>
    /// <inheritdoc cref="DistributedLock.AcquireAsync(TimeSpan, CancellationToken)" path="/exception"/>
    public ValueTask<Claim> AcquireAsync(TimeSpan timeout, CancellationToken cancellationToken = default) => _claims.AcquireAsync(timeout, cancellationToken);

    /// <summary>Takes all locks if they become ours in time.</summary>
    /// <param name="timeout">How long to wait; by default not at all.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is left behind.</param>
    /// <returns>One claim for all names, or null when somebody else holds one of them.</returns>
    /// <inheritdoc cref="DistributedLock.TryAcquireAsync" path="/exception"/>
    public ValueTask<Claim?> TryAcquireAsync(TimeSpan timeout = default, CancellationToken cancellationToken = default) =>
        _claims.TryAcquireAsync(timeout, cancellationToken);

    /// <summary>Waits until all locks are ours, runs the work, and releases them.</summary>
    /// <param name="work">The work; its token is cancelled by the caller and by the loss of the locks.</param>
    /// <param name="cancellationToken">Cancels the wait and the work.</param>
    /// <inheritdoc cref="DistributedLock.RunAsync" path="/exception"/>
    public ValueTask RunAsync(Func<Claim, CancellationToken, ValueTask> work, CancellationToken cancellationToken = default) => _claims.RunAsync(work, cancellationToken);
}
