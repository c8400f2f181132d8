using System.Runtime.ExceptionServices;
using Conclave.Storage;

namespace Conclave;

/// <summary>A contender that stands in a queue.</summary>
/// <param name="Session">The session its key is bound to.</param>
/// <param name="Key">Its key.</param>
/// <param name="Answer">A reading of the queue in which the key was seen: the queue, then the epoch.</param>
internal sealed record Joined(Session Session, string Key, CommitResult Answer);

/// <summary>
/// One attempt to join a queue: a single commit when all goes well. When an answer is lost, the session settles and the queue is read back,
/// so that nobody is left standing in it without knowing.
/// </summary>
internal sealed class Join(ClaimQueue queue, Coordinator coordinator, ClaimRule rule)
{
    private volatile bool _abandoned;
    private volatile Exception? _lastFailure;

    /// <summary>Joins within the operation timeout.</summary>
    /// <returns>The contender.</returns>
    /// <exception cref="StoreUnavailableException">The store did not answer in time. Nothing is left behind.</exception>
    public async ValueTask<Joined> RunAsync(CancellationToken cancellationToken)
    {
        var join = JoinAsync();
        if (join.IsCompleted)
        {
            return (await join.ConfigureAwait(false))!;
        }

        var running = join.AsTask();
        try
        {
            return (await running.WaitAsync(coordinator.Options.OperationTimeout, coordinator.Time, cancellationToken).ConfigureAwait(false))!;
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            // it may have joined in this very moment, or may yet: whatever comes of it is undone
            _abandoned = true;
            coordinator.Track(UndoAsync(running));
            cancellationToken.ThrowIfCancellationRequested();
            ObjectDisposedException.ThrowIf(coordinator.Stopping.IsCancellationRequested, typeof(ConclaveClient));
            if (_lastFailure is ConclaveException { IsTransient: false } final)
            {
                // what no repetition mends, met while it had to be found out whether we had joined
                ExceptionDispatchInfo.Throw(final);
            }

            throw new StoreUnavailableException(
                $"'{queue.Name}' could not be joined within {coordinator.Options.OperationTimeout.TotalSeconds} s: "
                + (_lastFailure?.Message ?? $"the store at {coordinator.Store.Description.Address} did not answer."),
                _lastFailure);
        }
    }

    /// <summary>Tries until joined; null only for a caller that has gone.</summary>
    private async ValueTask<Joined?> JoinAsync()
    {
        for (var pause = Backoff.Start; !_abandoned; pause = Backoff.Next(pause))
        {
            try
            {
                var session = await coordinator.GetSessionAsync(coordinator.Stopping).ConfigureAwait(false);
                string key = $"{queue.Prefix}{session.Id.Value}-{session.NextClaim()}";
                return await JoinAsync(session, key).ConfigureAwait(false);
            }
            catch (SessionExpiredException e)
            {
                _lastFailure = e;
            }
            catch (ConclaveException e) when (e is StoreUnavailableException or OutcomeUnknownException)
            {
                // unknown here can only be the opening of a session: nobody knows its id, it runs out by itself
                _lastFailure = e;
            }

            await Task.Delay(Backoff.Jitter(pause), coordinator.Time, coordinator.Stopping).ConfigureAwait(false);
        }

        return null;
    }

    private async ValueTask<Joined> JoinAsync(Session session, string key)
    {
        byte[] value = rule.ToValue(coordinator.Time.GetUtcNow());
        while (true)
        {
            session.ThrowIfLost();
            try
            {
                var join = new Transaction(
                    [Condition.Absent(key), session.Gate],
                    [Write.Put(key, value, session.Id)],
                    [Read.Scan(queue.Prefix), Read.Get(StoreNames.EpochKey)]);
                var result = await coordinator.CommitAsync(join, coordinator.Stopping).ConfigureAwait(false);
                if (result.Accepted)
                {
                    return new(session, key, result);
                }
            }
            catch (SessionExpiredException)
            {
                session.MarkGone();
                throw;
            }
            catch (OutcomeUnknownException e)
            {
                _lastFailure = e;
                await session.SettleAsync(failure => _lastFailure = failure, coordinator.Stopping).ConfigureAwait(false);
            }

            // refused, or unknown: whatever was sent is final now, so what is read is the truth
            if (await ReadBackAsync(session, key).ConfigureAwait(false) is { } joined)
            {
                return joined;
            }
        }
    }

    private async ValueTask<Joined?> ReadBackAsync(Session session, string key)
    {
        var read = new Transaction(reads: [Read.Scan(queue.Prefix), Read.Get(StoreNames.EpochKey), Read.Get(session.RecordKey)]);
        for (var pause = Backoff.Start; ; pause = Backoff.Next(pause))
        {
            try
            {
                var result = await coordinator.CommitAsync(read, coordinator.Stopping).ConfigureAwait(false);
                if (result.Get(2) is not { } gate)
                {
                    session.MarkGone();
                    throw new SessionExpiredException($"The session {session.Id} is gone.");
                }

                session.AdoptGate(gate.Revision);
                return result.Reads[0].Any(e => e.Key == key) ? new(session, key, result) : null;
            }
            catch (ConclaveException e) when (e is not SessionExpiredException)
            {
                // never thrown: whether we stand in the queue must become known
                _lastFailure = e;
                await Task.Delay(Backoff.Jitter(pause), coordinator.Time, coordinator.Stopping).ConfigureAwait(false);
                session.ThrowIfLost();
            }
        }
    }

    private async Task UndoAsync(Task<Joined?> running)
    {
        if (await running.ConfigureAwait(false) is { } joined)
        {
            var mine = joined.Answer.Reads[0].First(e => e.Key == joined.Key);
            await coordinator.LeaveAsync(joined.Session, mine).ConfigureAwait(false);
        }
    }
}
