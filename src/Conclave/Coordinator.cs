using System.Collections.Concurrent;
using Conclave.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Conclave;

/// <summary>What all tools of one client share: the store, one session, the local queues, the clocks, and the work that goes on in the background.</summary>
internal sealed partial class Coordinator : IAsyncDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _opening = new(1);
    private readonly ConcurrentDictionary<Task, byte> _background = [];
    private readonly Dictionary<Type, IAsyncDisposable> _parts = [];
    private readonly TimeProvider _renewalTimers;
    private readonly ILogger _logger;
    private readonly ILoggerFactory _loggers;
    private Session? _session;
    private bool _isRefused;
    private TaskCompletionSource? _disposal;

    public Coordinator(IStore store, ConclaveOptions options)
    {
        (Store, Options) = (store, options);
        Time = options.TimeProvider ?? new BootTimeProvider();
        Gates = new(Time);
        Readers = new(this);
        Exact = new(this);
        _renewalTimers = RenewalTimers.For(Time);
        _loggers = options.LoggerFactory ?? NullLoggerFactory.Instance;
        _logger = _loggers.CreateLogger("Conclave.Claims");
    }

    public IStore Store { get; }

    public ConclaveOptions Options { get; }

    public TimeProvider Time { get; }

    public LocalGates Gates { get; }

    public ReaderGroups Readers { get; }

    public ExactCommits Exact { get; }

    public Telemetry Telemetry { get; } = new();

    /// <summary>Cancelled when the client is disposed: no work outlives it.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>The session, opened now if there is none that lives.</summary>
    public ValueTask<Session> GetSessionAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposal) is not null, typeof(ConclaveClient));
        return Volatile.Read(ref _session) is { LossReason: null } session ? new(session) : OpenSessionAsync(cancellationToken);
    }

    /// <summary>What another package keeps for this client: made once, disposed with the client while its store is still open.</summary>
    public T Part<T>(Func<Coordinator, T> create)
        where T : class, IAsyncDisposable
    {
        lock (_parts)
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposal) is not null, typeof(ConclaveClient));
            if (!_parts.TryGetValue(typeof(T), out var part))
            {
                _parts.Add(typeof(T), part = create(this));
            }

            return (T)part;
        }
    }

    /// <summary>Commits, and counts the outcome.</summary>
    public async ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken)
    {
        try
        {
            var result = await Store.CommitAsync(transaction, cancellationToken).ConfigureAwait(false);
            Telemetry.Committed(result.Accepted ? "accepted" : "refused");
            return result;
        }
        catch (ConclaveException e)
        {
            Telemetry.Committed(e switch
            {
                StoreUnavailableException => "unavailable",
                OutcomeUnknownException => "unknown",
                SessionExpiredException => "session_expired",
                _ => "failed",
            });
            throw;
        }
    }

    /// <summary>Owns a piece of work that its caller does not wait for: it is awaited when the client is disposed.</summary>
    public void Track(Task work)
    {
        if (!work.IsCompletedSuccessfully)
        {
            _background.TryAdd(work, 0);
            _ = ForgetAsync(work);
        }
    }

    /// <summary>Deletes a claim's keys, however long it takes: until the store has confirmed it or the session is over.</summary>
    /// <returns>True when the claim was still there to be deleted.</returns>
    public async Task<bool> LeaveAsync(Session session, Entry[] mine)
    {
        bool unknown = false;
        for (var pause = Backoff.Start; ; pause = Backoff.Next(pause))
        {
            try
            {
                var result = await CommitAsync(Leave(mine), Stopping).ConfigureAwait(false);
                if (result.Accepted)
                {
                    return true;
                }

                var left = result.Reads.Where(r => !r.IsEmpty).Select(r => r[0]).ToArray();
                if (left.Length == 0)
                {
                    // refused after an unknown outcome: the first delete was applied, unless the session ended and took the keys along
                    return unknown && session.IsLive();
                }

                // somebody has put them since, and they are ours all the same: keys are never used twice
                mine = left;
                continue;
            }
            catch (ConclaveException e)
            {
                // also those that no repetition mends: while the session lives, the keys would block everybody
                unknown |= e is OutcomeUnknownException;
                LogLeaveFailed(e, mine[0].Key);
                if (session.LossReason is not null)
                {
                    return false;
                }
            }

            await Task.Delay(Backoff.Jitter(pause), Time, Stopping).ConfigureAwait(false);
            _ = session.IsLive();
        }
    }

    private static Transaction Leave(Entry[] mine)
    {
        if (mine is [var single])
        {
            // the usual case, without the arrays
            return new([Condition.Unchanged(single.Key, single.Revision)], [Write.Delete(single.Key)], [Read.Get(single.Key)]);
        }

        var conditions = new Condition[mine.Length];
        var writes = new Write[mine.Length];
        var reads = new Read[mine.Length];
        for (int i = 0; i < mine.Length; i++)
        {
            conditions[i] = Condition.Unchanged(mine[i].Key, mine[i].Revision);
            writes[i] = Write.Delete(mine[i].Key);
            reads[i] = Read.Get(mine[i].Key);
        }

        return new(conditions, writes, reads);
    }

    /// <summary>Ends the session, which gives up every claim, and then waits for whatever still runs.</summary>
    public ValueTask DisposeAsync()
    {
        var disposal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return Interlocked.CompareExchange(ref _disposal, disposal, null) is { } earlier ? new(earlier.Task) : DisposeAsync(disposal);
    }

    private async ValueTask DisposeAsync(TaskCompletionSource disposal)
    {
        try
        {
            // whatever is under way may stop where it is: the end of the session gives up every claim
            await _stopping.CancelAsync().ConfigureAwait(false);
            await _opening.WaitAsync().ConfigureAwait(false);
            if (_session is { } session)
            {
                await session.DisposeAsync().ConfigureAwait(false);
            }

            IAsyncDisposable[] parts;
            lock (_parts)
            {
                parts = [.. _parts.Values];
            }

            foreach (var part in parts)
            {
                await part.DisposeAsync().ConfigureAwait(false);
            }

            while (!_background.IsEmpty)
            {
                await Task.WhenAll(_background.Keys).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await Task.Yield();
            }
        }
        finally
        {
            if (_renewalTimers is RenewalTimers timers)
            {
                await timers.DisposeAsync().ConfigureAwait(false);
            }

            Telemetry.Dispose();
            if (!Options.LeaveStoreOpen)
            {
                await Store.DisposeAsync().ConfigureAwait(false);
            }

            disposal.SetResult();
        }
    }

    private async ValueTask<Session> OpenSessionAsync(CancellationToken cancellationToken)
    {
        await _opening.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposal) is not null, typeof(ConclaveClient));
            if (_session is not { LossReason: null })
            {
                if (_session is { } lost)
                {
                    Volatile.Write(ref _session, null);
                    Track(lost.DisposeAsync().AsTask());
                }

                Volatile.Write(ref _session, await Session.OpenAsync(
                    Options, Store, Time, _renewalTimers, Telemetry, _loggers.CreateLogger("Conclave.Sessions"), cancellationToken).ConfigureAwait(false));
                _isRefused = false;
            }

            return _session!;
        }
        catch (StoreUnavailableException e) when (e.RetryAfter is not null)
        {
            if (!_isRefused)
            {
                _isRefused = true;
                LogRefused(e.Message);
            }

            throw;
        }
        finally
        {
            _opening.Release();
        }
    }

    private async Task ForgetAsync(Task work)
    {
        await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _background.TryRemove(work, out _);
        if (work.Exception?.InnerException is { } failure and not (OperationCanceledException or ObjectDisposedException))
        {
            LogBackgroundFailed(failure);
        }
    }
}
