using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>The harness of <see cref="MemoryStore"/>: the kit run against the executable specification.</summary>
public sealed class MemoryHarness : StoreHarness
{
    private MemoryStore? _store;
    private int _connections;

    /// <inheritdoc/>
    protected override IStore Open(TimeProvider time)
    {
        _connections++;
        return new Connection(this, _store ??= new(time));
    }

    /// <summary>One of several store objects on one memory: closing it ends its own waits and calls; the memory ends with the last one.</summary>
    private sealed class Connection(MemoryHarness owner, MemoryStore store) : IStore
    {
        private readonly CancellationTokenSource _closed = new();

        public StoreDescription Description => store.Description;

        public ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
        {
            ThrowIfClosed();
            return store.CommitAsync(transaction, cancellationToken);
        }

        public async ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default)
        {
            ThrowIfClosed();
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closed.Token);
            try
            {
                return await store.WaitForChangeAsync(prefix, afterRevision, either.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                ThrowIfClosed();
                throw;
            }
        }

        public ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
        {
            ThrowIfClosed();
            return store.OpenSessionAsync(timeToLive, cancellationToken);
        }

        public ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default)
        {
            ThrowIfClosed();
            return store.RenewSessionAsync(session, cancellationToken);
        }

        public ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default)
        {
            ThrowIfClosed();
            return store.CloseSessionAsync(session, cancellationToken);
        }

        public async ValueTask DisposeAsync()
        {
            if (_closed.IsCancellationRequested)
            {
                return;
            }

            await _closed.CancelAsync().ConfigureAwait(false);
            if (--owner._connections == 0)
            {
                owner._store = null;
                await store.DisposeAsync().ConfigureAwait(false);
            }
        }

        private void ThrowIfClosed() => ObjectDisposedException.ThrowIf(_closed.IsCancellationRequested, this);
    }
}
