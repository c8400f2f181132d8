using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>Keeps what goes to the store.</summary>
internal sealed class RecordingStore(IStore inner) : IStore
{
    public List<Transaction> Sent { get; } = [];

    public StoreDescription Description => inner.Description;

    public ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        Sent.Add(transaction);
        return inner.CommitAsync(transaction, cancellationToken);
    }

    public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) =>
        inner.WaitForChangeAsync(prefix, afterRevision, cancellationToken);

    public ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) =>
        inner.OpenSessionAsync(timeToLive, cancellationToken);

    public ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default) => inner.RenewSessionAsync(session, cancellationToken);

    public ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default) => inner.CloseSessionAsync(session, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
