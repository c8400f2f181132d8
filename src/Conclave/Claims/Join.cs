using System.Runtime.ExceptionServices;
using Conclave.Storage;

namespace Conclave;

/// <summary>A contender that stands in its queues.</summary>
/// <param name="Session">The session its keys are bound to.</param>
/// <param name="Keys">Its keys, one per queue.</param>
/// <param name="Answer">A reading in which the keys were seen: the queues, then the epoch.</param>
internal sealed record Joined(Session Session, string[] Keys, CommitResult Answer)
{
    /// <summary>The contender's entries in a reading; null when one of them is not there.</summary>
    public Entry[]? Mine(CommitResult answer) => Mine(Keys, answer);

    /// <inheritdoc cref="Mine(CommitResult)"/>
    public static Entry[]? Mine(string[] keys, CommitResult answer)
    {
        var mine = new Entry[keys.Length];
        for (int i = 0; i < mine.Length; i++)
        {
            foreach (var entry in answer.Reads[i])
            {
                if (entry.Key == keys[i])
                {
                    mine[i] = entry;
                    break;
                }
            }

            if (mine[i] is null)
            {
                return null;
            }
        }

        return mine;
    }
}

/// <summary>
/// One attempt to join a queue: a single commit when all goes well. When an answer is lost, the session settles and the queue is read back,
/// so that nobody is left standing in it without knowing.
/// </summary>
internal sealed class Join(ClaimQueue queue, Coordinator coordinator, ClaimRule rule, ReadOnlyMemory<byte>? value, IAcquisitionWatcher? watcher)
{
    private volatile bool _abandoned;
    private volatile Exception? _lastFailure;

    /// <summary>Joins within the operation timeout; where the store says for how long it refuses, within the caller's patience if that is longer.</summary>
    /// <param name="patience">How long the caller waits for the grant.</param>
    /// <param name="startedAt">When the caller began to wait.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    /// <returns>The contender.</returns>
    /// <exception cref="StoreUnavailableException">The store did not answer in time. Nothing is left behind.</exception>
    public async ValueTask<Joined> RunAsync(TimeSpan patience, long startedAt, CancellationToken cancellationToken)
    {
        long begunAt = coordinator.Time.GetTimestamp();
        var join = JoinAsync();
        if (join.IsCompleted)
        {
            return (await join.ConfigureAwait(false))!;
        }

        var running = join.AsTask();
        try
        {
            var limit = coordinator.Options.OperationTimeout;
            while (true)
            {
                try
                {
                    return (await running.WaitAsync(limit, coordinator.Time, cancellationToken).ConfigureAwait(false))!;
                }
                catch (TimeoutException) when (_lastFailure is StoreUnavailableException { RetryAfter: not null })
                {
                    // it does answer, and says when
                    var left = patience == Timeout.InfiniteTimeSpan ? limit : patience - coordinator.Time.GetElapsedTime(startedAt);
                    if (left <= TimeSpan.Zero)
                    {
                        throw;
                    }

                    limit = left < limit ? left : limit;
                }
            }
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
                $"The {queue.Kind} '{queue.Name}' could not be joined within {Math.Round(coordinator.Time.GetElapsedTime(begunAt).TotalSeconds, 1)} s: "
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
                long number = session.NextClaim();
                string[] keys = new string[queue.Prefixes.Length];
                for (int i = 0; i < keys.Length; i++)
                {
                    keys[i] = $"{queue.Prefixes[i]}{session.Id.Value}-{number}";
                }

                watcher?.OnJoining(keys);
                return await JoinAsync(session, keys).ConfigureAwait(false);
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

    private async ValueTask<Joined> JoinAsync(Session session, string[] keys)
    {
        var contender = value ?? rule.ToValue(coordinator.Time.GetUtcNow());
        while (true)
        {
            session.ThrowIfLost();
            try
            {
                var result = await coordinator.CommitAsync(Transaction(session, keys, contender), coordinator.Stopping).ConfigureAwait(false);
                if (result.Accepted)
                {
                    return new(session, keys, result);
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
            if (await ReadBackAsync(session, keys).ConfigureAwait(false) is { } joined)
            {
                return joined;
            }
        }
    }

    private Transaction Transaction(Session session, string[] keys, ReadOnlyMemory<byte> contender)
    {
        if (keys.Length == 1)
        {
            // the usual case, without the arrays
            return new([Condition.Absent(keys[0]), session.Gate], [Write.Put(keys[0], contender, session.Id)], queue.Reads);
        }

        var conditions = new Condition[keys.Length + 1];
        var writes = new Write[keys.Length];
        for (int i = 0; i < keys.Length; i++)
        {
            conditions[i] = Condition.Absent(keys[i]);
            writes[i] = Write.Put(keys[i], contender, session.Id);
        }

        conditions[^1] = session.Gate;
        return new(conditions, writes, queue.Reads);
    }

    private async ValueTask<Joined?> ReadBackAsync(Session session, string[] keys)
    {
        var read = new Transaction(reads: [.. queue.Reads, Read.Get(session.RecordKey)]);
        for (var pause = Backoff.Start; ; pause = Backoff.Next(pause))
        {
            try
            {
                var result = await coordinator.CommitAsync(read, coordinator.Stopping).ConfigureAwait(false);
                if (result.Get(queue.Reads.Length) is not { } gate)
                {
                    session.MarkGone();
                    throw new SessionExpiredException($"The session {session.Id} is gone.");
                }

                session.AdoptGate(gate.Revision);
                var joined = new Joined(session, keys, result);
                return joined.Mine(result) is null ? null : joined;
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
            await coordinator.LeaveAsync(joined.Session, joined.Mine(joined.Answer)!).ConfigureAwait(false);
        }
    }
}
