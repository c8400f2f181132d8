using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>Counts what goes to the store.</summary>
internal sealed class CountingStore(IStore inner) : IStore
{
    private int _commits;
    private int _renewals;
    private int _waits;
    private int _openings;

    public int Commits => Volatile.Read(ref _commits);

    public int Renewals => Volatile.Read(ref _renewals);

    /// <summary>Waits for hints.</summary>
    public int Waits => Volatile.Read(ref _waits);

    /// <summary>All calls but the closing of sessions.</summary>
    public int Requests => Commits + Renewals + Waits + Volatile.Read(ref _openings);

    public StoreDescription Description => inner.Description;

    public ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _commits);
        return inner.CommitAsync(transaction, cancellationToken);
    }

    public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _waits);
        return inner.WaitForChangeAsync(prefix, afterRevision, cancellationToken);
    }

    /// <summary>Begins to count anew.</summary>
    public void Reset() => _commits = _renewals = _waits = _openings = 0;

    public ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _openings);
        return inner.OpenSessionAsync(timeToLive, cancellationToken);
    }

    public ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _renewals);
        return inner.RenewSessionAsync(session, cancellationToken);
    }

    public ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default) =>
        inner.CloseSessionAsync(session, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
