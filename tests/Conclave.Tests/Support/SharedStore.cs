using Conclave.Storage;

namespace Conclave.Tests;

/// <summary>A second connection to the store of this process: disposing it leaves the store alone.</summary>
internal sealed class SharedStore(MemoryStore store) : IStore
{
    public StoreDescription Description => store.Description;

    public ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default) => store.CommitAsync(transaction, cancellationToken);

    public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) => store.WaitForChangeAsync(prefix, afterRevision, cancellationToken);

    public ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) => store.OpenSessionAsync(timeToLive, cancellationToken);

    public ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default) => store.RenewSessionAsync(session, cancellationToken);

    public ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default) => store.CloseSessionAsync(session, cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
