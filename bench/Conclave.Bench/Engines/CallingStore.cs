using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>Tells of commits and renewals: what a store without a server is asked.</summary>
internal sealed class CallingStore(IStore inner, Action onCall) : IStore
{
    public StoreDescription Description => inner.Description;

    public ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        onCall();
        return inner.CommitAsync(transaction, cancellationToken);
    }

    public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) =>
        inner.WaitForChangeAsync(prefix, afterRevision, cancellationToken);

    public ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) => inner.OpenSessionAsync(timeToLive, cancellationToken);

    public ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        onCall();
        return inner.RenewSessionAsync(session, cancellationToken);
    }

    public ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default) => inner.CloseSessionAsync(session, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
