using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>
/// A store that records every call that passes, for <see cref="StoreHistoryChecker"/>. Every client of the namespace needs one, on the same
/// history: what an unrecorded client writes looks like an error of the store. It owns the store behind it.
/// </summary>
/// <param name="inner">The store that does the work.</param>
/// <param name="history">Where to record.</param>
public sealed class HistoryRecorder(IStore inner, StoreHistory history) : IStore
{
    private readonly int _client = history.NewClient();

    /// <inheritdoc/>
    public StoreDescription Description => inner.Description;

    /// <inheritdoc/>
    public async ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        var (position, operation) = Begin(StoreCall.Commit, transaction: transaction);
        try
        {
            var result = await inner.CommitAsync(transaction, cancellationToken).ConfigureAwait(false);
            operation = operation with { Outcome = CallOutcome.Answered, Result = result };
            return result;
        }
        catch (SessionExpiredException)
        {
            operation = operation with { Outcome = CallOutcome.SessionExpired };
            throw;
        }
        catch (Exception e) when (e is StoreUnavailableException or OperationCanceledException or ArgumentException)
        {
            // the contract: each of these proves that nothing was applied
            operation = operation with { Outcome = CallOutcome.NotApplied };
            throw;
        }
        finally
        {
            history.End(position, operation);
        }
    }

    /// <inheritdoc/>
    public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) =>
        inner.WaitForChangeAsync(prefix, afterRevision, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        var (position, operation) = Begin(StoreCall.OpenSession);
        try
        {
            var grant = await inner.OpenSessionAsync(timeToLive, cancellationToken).ConfigureAwait(false);
            operation = operation with { Outcome = CallOutcome.Answered, Session = grant.Id };
            return grant;
        }
        finally
        {
            history.End(position, operation);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        var (position, operation) = Begin(StoreCall.RenewSession, session);
        try
        {
            bool renewed = await inner.RenewSessionAsync(session, cancellationToken).ConfigureAwait(false);
            operation = operation with { Outcome = CallOutcome.Answered, Renewed = renewed };
            return renewed;
        }
        finally
        {
            history.End(position, operation);
        }
    }

    /// <inheritdoc/>
    public async ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        // one that fails may have closed the session all the same, whatever it says
        var (position, operation) = Begin(StoreCall.CloseSession, session);
        try
        {
            await inner.CloseSessionAsync(session, cancellationToken).ConfigureAwait(false);
            operation = operation with { Outcome = CallOutcome.Answered };
        }
        finally
        {
            history.End(position, operation);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private (int Position, StoreOperation Operation) Begin(StoreCall call, SessionId? session = null, Transaction? transaction = null) =>
        history.Begin(new()
        {
            Call = call,
            Client = _client,
            Start = 0,
            End = 0,
            Outcome = CallOutcome.Unknown,
            Session = session,
            Transaction = transaction,
        });
}
