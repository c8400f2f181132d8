using Conclave.Storage;

namespace Conclave.Torture;

/// <summary>Counts what a worker asks of its store.</summary>
internal sealed class CountedStore(IStore inner) : IStore
{
    private long _commits;
    private long _wakeUps;
    private long _renewals;

    public long Commits => Interlocked.Read(ref _commits);

    public long WakeUps => Interlocked.Read(ref _wakeUps);

    public long Renewals => Interlocked.Read(ref _renewals);

    public StoreDescription Description => inner.Description;

    public ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _commits);
        return inner.CommitAsync(transaction, cancellationToken);
    }

    public async ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default)
    {
        long revision = await inner.WaitForChangeAsync(prefix, afterRevision, cancellationToken).ConfigureAwait(false);
        Interlocked.Increment(ref _wakeUps);
        return revision;
    }

    public ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) => inner.OpenSessionAsync(timeToLive, cancellationToken);

    public ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _renewals);
        return inner.RenewSessionAsync(session, cancellationToken);
    }

    public ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default) => inner.CloseSessionAsync(session, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
