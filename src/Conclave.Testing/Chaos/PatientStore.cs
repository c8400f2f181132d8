using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>Repeats what was refused without effect, as any client would: through it a case can be about the store behind the chaos.</summary>
internal sealed class PatientStore(IStore inner) : IStore
{
    public StoreDescription Description => inner.Description;

    public ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default) =>
        RepeatAsync(() => inner.CommitAsync(transaction, cancellationToken));

    public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) =>
        inner.WaitForChangeAsync(prefix, afterRevision, cancellationToken);

    public ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) =>
        RepeatAsync(() => inner.OpenSessionAsync(timeToLive, cancellationToken));

    public ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default) =>
        RepeatAsync(() => inner.RenewSessionAsync(session, cancellationToken));

    public ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default) =>
        inner.CloseSessionAsync(session, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private static async ValueTask<T> RepeatAsync<T>(Func<ValueTask<T>> call)
    {
        while (true)
        {
            try
            {
                return await call().ConfigureAwait(false);
            }
            catch (StoreUnavailableException)
            {
                await Task.Yield();
            }
        }
    }
}
