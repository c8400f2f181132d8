using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.History;

/// <summary>Two store objects on one memory, each with a bug that was planted.</summary>
internal sealed class BrokenHarness(Action<InterceptedStore> breakIt) : StoreHarness
{
    private MemoryStore? _memory;

    protected override IStore Open(TimeProvider time)
    {
        var store = new InterceptedStore(new Connection(_memory ??= new(time)));
        breakIt(store);
        return store;
    }

    protected override async ValueTask CleanUpAsync() => await _memory!.DisposeAsync();

    private sealed class Connection(MemoryStore memory) : IStore
    {
        public StoreDescription Description => memory.Description;

        public ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default) => memory.CommitAsync(transaction, cancellationToken);

        public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) => memory.WaitForChangeAsync(prefix, afterRevision, cancellationToken);

        public ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) => memory.OpenSessionAsync(timeToLive, cancellationToken);

        public ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default) => memory.RenewSessionAsync(session, cancellationToken);

        public ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default) => memory.CloseSessionAsync(session, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
