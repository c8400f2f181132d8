using Conclave.Storage;

namespace Conclave.Tests;

/// <summary>A store whose calls a test can count, hold, fail, or answer late. It owns the store behind it.</summary>
internal sealed class HookedStore(IStore inner) : IStore
{
    private int _commits;
    private int _renewals;
    private int _disposals;

    public Func<Transaction, Func<ValueTask<CommitResult>>, ValueTask<CommitResult>> OnCommit { get; set; } = (_, next) => next();

    public Func<Func<ValueTask<bool>>, ValueTask<bool>> OnRenew { get; set; } = next => next();

    public Func<Func<ValueTask<SessionGrant>>, ValueTask<SessionGrant>> OnOpen { get; set; } = next => next();

    public Func<long, Func<ValueTask<long>>, ValueTask<long>> OnWait { get; set; } = (_, next) => next();

    public int Commits => Volatile.Read(ref _commits);

    public int Renewals => Volatile.Read(ref _renewals);

    public int Disposals => Volatile.Read(ref _disposals);

    public IStore Inner => inner;

    public StoreDescription Description => inner.Description;

    /// <summary>Whether a transaction puts a contender into a queue.</summary>
    public static bool IsJoin(Transaction transaction) => transaction.Writes.Any(w => !w.IsDelete && w.Key.StartsWith("lock/", StringComparison.Ordinal));

    /// <summary>Whether a transaction deletes a contender.</summary>
    public static bool IsLeave(Transaction transaction) => transaction.Writes.Any(w => w.IsDelete && w.Key.StartsWith("lock/", StringComparison.Ordinal));

    public ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _commits);
        return OnCommit(transaction, () => inner.CommitAsync(transaction, cancellationToken));
    }

    public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) =>
        OnWait(afterRevision, () => inner.WaitForChangeAsync(prefix, afterRevision, cancellationToken));

    public ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) =>
        OnOpen(() => inner.OpenSessionAsync(timeToLive, cancellationToken));

    public ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _renewals);
        return OnRenew(() => inner.RenewSessionAsync(session, cancellationToken));
    }

    public ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default) =>
        inner.CloseSessionAsync(session, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        Interlocked.Increment(ref _disposals);
        await inner.DisposeAsync();
    }
}
