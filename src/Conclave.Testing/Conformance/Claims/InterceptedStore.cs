using System.Collections.Concurrent;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>A store whose calls a case can count, hold, fail, repeat, or answer late. It owns the store behind it.</summary>
internal sealed class InterceptedStore(IStore inner) : IStore
{
    private readonly ConcurrentDictionary<Exception, byte> _thrown = new(ReferenceEqualityComparer.Instance);
    private int _commits;
    private int _openings;
    private int _renewals;
    private int _disposals;
    private int _waits;
    private int _inFlight;

    public Func<Transaction, Func<ValueTask<CommitResult>>, ValueTask<CommitResult>> OnCommit { get; set; } = (_, next) => next();

    public Func<Func<ValueTask<bool>>, ValueTask<bool>> OnRenew { get; set; } = next => next();

    public Func<Func<ValueTask<SessionGrant>>, ValueTask<SessionGrant>> OnOpen { get; set; } = next => next();

    public Func<long, Func<ValueTask<long>>, ValueTask<long>> OnWait { get; set; } = (_, next) => next();

    public Func<Func<ValueTask>, ValueTask> OnClose { get; set; } = next => next();

    /// <summary>True when no hint comes through: a wait ends only with its token.</summary>
    public bool IsDeaf { get; set; }

    /// <summary>Hears of every call but a close, right before (true) and right after (false).</summary>
    public Action<bool>? OnCall { get; set; }

    public int Commits => Volatile.Read(ref _commits);

    public int Renewals => Volatile.Read(ref _renewals);

    /// <summary>How many sessions were asked for: more than one when one was lost.</summary>
    public int Openings => Volatile.Read(ref _openings);

    public int Disposals => Volatile.Read(ref _disposals);

    /// <summary>Waits for changes that have not ended.</summary>
    public int PendingWaits => Volatile.Read(ref _waits);

    /// <summary>Calls that the store behind has not answered; waits do not count, nor what a hook holds.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Everything that was ever thrown to the caller.</summary>
    public ICollection<Exception> Thrown => _thrown.Keys;

    public IStore Inner => inner;

    public StoreDescription Description => inner.Description;

    /// <summary>Whether a transaction puts a contender into a queue, of whatever kind: an entry of a session that is not the session's record.</summary>
    public static bool IsJoin(Transaction transaction) =>
        transaction.Writes.Any(w => !w.IsDelete && w.Session is not null && !IsStoresOwn(w.Key));

    /// <summary>Whether a transaction deletes a contender.</summary>
    public static bool IsLeave(Transaction transaction) => transaction.Writes.Any(w => w.IsDelete && !IsStoresOwn(w.Key));

    /// <summary>Lets everything pass again.</summary>
    public void Reset()
    {
        OnCommit = (_, next) => next();
        OnRenew = next => next();
        OnOpen = next => next();
        OnWait = (_, next) => next();
        OnClose = next => next();
        OnCall = null;
        IsDeaf = false;
    }

    public async ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _commits);
        return await CallAsync(() => OnCommit(transaction, () => SendAsync(() => inner.CommitAsync(transaction, cancellationToken)))).ConfigureAwait(false);
    }

    public async ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _waits);
        try
        {
            if (IsDeaf)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken).ConfigureAwait(false);
            }

            return await CallAsync(() => OnWait(afterRevision, () => inner.WaitForChangeAsync(prefix, afterRevision, cancellationToken))).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _waits);
        }
    }

    public async ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _openings);
        return await CallAsync(() => OnOpen(() => SendAsync(() => inner.OpenSessionAsync(timeToLive, cancellationToken)))).ConfigureAwait(false);
    }

    public async ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _renewals);
        return await CallAsync(() => OnRenew(() => SendAsync(() => inner.RenewSessionAsync(session, cancellationToken)))).ConfigureAwait(false);
    }

    public ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default) =>
        OnClose(() => inner.CloseSessionAsync(session, cancellationToken));

    public async ValueTask DisposeAsync()
    {
        Interlocked.Increment(ref _disposals);
        await inner.DisposeAsync().ConfigureAwait(false);
    }

    private static bool IsStoresOwn(string key) =>
        key.StartsWith("session/", StringComparison.Ordinal) || key.StartsWith("meta/", StringComparison.Ordinal);

    private async ValueTask<T> CallAsync<T>(Func<ValueTask<T>> call)
    {
        OnCall?.Invoke(true);
        try
        {
            return await call().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            _thrown.TryAdd(e, 0);
            throw;
        }
        finally
        {
            OnCall?.Invoke(false);
        }
    }

    private async ValueTask<T> SendAsync<T>(Func<ValueTask<T>> send)
    {
        Interlocked.Increment(ref _inFlight);
        try
        {
            return await send().ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _inFlight);
        }
    }
}
