using Conclave.Storage;
using Microsoft.Extensions.Logging;

namespace Conclave;

/// <summary>
/// One lease of this process, shared by all its claims: renewed in the background, believed until a deadline that is always earlier than
/// the store's, and over for good once it is lost.
/// </summary>
internal sealed partial class Session : IAsyncDisposable
{
    private readonly IStore _store;
    private readonly TimeProvider _time;
    private readonly TimeProvider _renewalTimers;
    private readonly Telemetry _telemetry;
    private readonly ILogger _logger;
    private readonly byte[] _record;
    private readonly TimeSpan _believed;
    private readonly TimeSpan _wallTolerance;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _closing = new();
    private readonly SemaphoreSlim _settling = new(1);
    private readonly Lock _lock = new();
    private readonly HashSet<ClaimHold> _holds = [];
    private CancellationTokenSource _wakeRenewal = new();
    private Task _renewals = Task.CompletedTask;
    private Task _lossSignal = Task.CompletedTask;
    private Task? _disposing;
    private ITimer? _deadline;
    private long _sentAt;
    private long _wallAtSend;
    private long _gateRevision;
    private long _lastClaim;
    private int _overdue;
    private string? _lossReason;

    private Session(
        SessionGrant grant, byte[] record, ConclaveOptions options, IStore store, TimeProvider time, TimeProvider renewalTimers, Telemetry telemetry, ILogger logger)
    {
        (Id, TimeToLive) = (grant.Id, grant.TimeToLive);
        (_record, _store, _time, _renewalTimers, _telemetry, _logger) = (record, store, time, renewalTimers, telemetry, logger);
        RecordKey = SessionRecord.KeyOf(grant.Id.Value);
        Lost = _lost.Token;
        Marks = new(grant.Id);
        _believed = options.Margin.Believed(grant.TimeToLive);
        _wallTolerance = options.Margin.GuardFor(grant.TimeToLive) / 2;
    }

    public SessionId Id { get; }

    public TimeSpan TimeToLive { get; }

    /// <summary>The key of the session's record, which is also its gate.</summary>
    public string RecordKey { get; }

    /// <summary>Cancelled when the session is lost. Runs callbacks on the thread pool.</summary>
    public CancellationToken Lost { get; }

    public string? LossReason => Volatile.Read(ref _lossReason);

    /// <summary>Time that is left before the deadline; zero when lost.</summary>
    public TimeSpan SafeTime
    {
        get
        {
            var left = LossReason is null ? _believed - _time.GetElapsedTime(Volatile.Read(ref _sentAt)) : TimeSpan.Zero;
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    /// <summary>
    /// Opens a session and puts its record. The deadline counts from before the request.
    /// </summary>
    public static async ValueTask<Session> OpenAsync(
        ConclaveOptions options, IStore store, TimeProvider time, TimeProvider renewalTimers, Telemetry telemetry, ILogger logger, CancellationToken cancellationToken)
    {
        long sentAt = time.GetTimestamp();
        long wallAtSend = time.GetUtcNow().Ticks;
        var grant = await store.OpenSessionAsync(options.SessionTimeToLive, cancellationToken).ConfigureAwait(false);
        byte[] record = SessionRecord.OfThisProcess(options.Label, time).ToBytes();
        var session = new Session(grant, record, options, store, time, renewalTimers, telemetry, logger) { _sentAt = sentAt, _wallAtSend = wallAtSend };
        try
        {
            await session.PutRecordAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            // nobody has seen it; it also runs out by itself
            await session.CloseQuietlyAsync().ConfigureAwait(false);
            session._closing.Dispose();
            session._wakeRenewal.Dispose();
            throw;
        }

        session.LogOpened(grant.Id, grant.TimeToLive);

        // on a timer of its own: a renewal that hangs in a call to the store must not hold up the news that the deadline has passed
        session._deadline = time.CreateTimer(static session => ((Session)session!).OnDeadline(), session, session.SafeTime, Timeout.InfiniteTimeSpan);
        session._renewals = session.RenewAsync();
        return session;
    }

    /// <summary>What a join must find unchanged, so that an older join can no longer land once the session has settled.</summary>
    public Condition Gate => Condition.Unchanged(RecordKey, Volatile.Read(ref _gateRevision));

    /// <summary>What tells whether a change of something durable was applied.</summary>
    public ChangeMarks Marks { get; }

    /// <summary>A number for a claim's key or a change, never used before in this session.</summary>
    public long NextClaim() => Interlocked.Increment(ref _lastClaim);

    /// <summary>
    /// Whether the session may be believed now. Looks at the clock, so after a pause the first look tells the truth; a wall clock that ran
    /// ahead of the monotonic one (a paused virtual machine) makes it false until a renewal has answered.
    /// </summary>
    public bool IsLive()
    {
        if (LossReason is not null)
        {
            return false;
        }

        var elapsed = _time.GetElapsedTime(Volatile.Read(ref _sentAt));
        if (elapsed >= _believed)
        {
            MarkLost(SessionLossCause.DeadlinePassed, "its time to live passed without a renewal");
            return false;
        }

        if (WallRanAhead(elapsed))
        {
            WakeRenewals();
            return false;
        }

        return true;
    }

    /// <summary>True while a renewal is overdue: it failed, did not answer in time, or the clock looks disturbed.</summary>
    public bool IsAtRisk()
    {
        var elapsed = _time.GetElapsedTime(Volatile.Read(ref _sentAt));
        return Volatile.Read(ref _overdue) != 0 || elapsed > TimeToLive * 0.55 || WallRanAhead(elapsed);
    }

    /// <summary>Adds a claim that stands and falls with this session.</summary>
    public void Attach(ClaimHold hold)
    {
        lock (_lock)
        {
            if (_lossReason is null)
            {
                _holds.Add(hold);
                return;
            }
        }

        hold.OnSessionLost();
    }

    public void Detach(ClaimHold hold)
    {
        lock (_lock)
        {
            _holds.Remove(hold);
        }
    }

    public void MarkGone() => MarkLost(SessionLossCause.GoneFromStore, "the store no longer knows its session");

    /// <summary>Takes over the gate's revision as the store has it: a put of ours, whose answer was lost, has landed since.</summary>
    public void AdoptGate(long revision)
    {
        lock (_lock)
        {
            _gateRevision = Math.Max(_gateRevision, revision);
        }
    }

    /// <summary>
    /// Puts the gate until the put is known to have been applied. After that no join that was sent before can land any more, so what a read
    /// shows of it is final.
    /// </summary>
    /// <param name="failed">Hears of every attempt that failed.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    /// <exception cref="SessionExpiredException">The session is gone, and every join with it.</exception>
    public async ValueTask SettleAsync(Action<ConclaveException> failed, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Lost);
        try
        {
            await _settling.WaitAsync(either.Token).ConfigureAwait(false);
            try
            {
                await PutRecordUntilKnownAsync(failed, either.Token).ConfigureAwait(false);
            }
            finally
            {
                _settling.Release();
            }
        }
        catch (OperationCanceledException) when (Lost.IsCancellationRequested)
        {
            ThrowIfLost();
            throw;
        }
    }

    public void ThrowIfLost()
    {
        if (!IsLive() && LossReason is { } reason)
        {
            throw new SessionExpiredException($"The session {Id} is lost: {reason}.");
        }
    }

    /// <summary>Stops renewing, closes the session in the store if it answers, and signals the loss to whoever still holds a claim.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            return new(_disposing ??= DisposeOnceAsync());
        }
    }

    private async Task DisposeOnceAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        bool open = LossReason is null;
        MarkLost(SessionLossCause.ClientDisposed, "its client was disposed");
        await _closing.CancelAsync().ConfigureAwait(false);
        await _renewals.ConfigureAwait(false);
        await _lossSignal.ConfigureAwait(false);
        if (open)
        {
            await CloseQuietlyAsync().ConfigureAwait(false);
        }

        await _deadline!.DisposeAsync().ConfigureAwait(false);

        // not _lost and _settling: whoever holds a claim or waits for a join may still ask them
        _closing.Dispose();
        _wakeRenewal.Dispose();
    }

    private bool WallRanAhead(TimeSpan elapsed) =>
        TimeSpan.FromTicks(_time.GetUtcNow().Ticks - Volatile.Read(ref _wallAtSend)) - elapsed > _wallTolerance;

    private async ValueTask PutRecordUntilKnownAsync(Action<ConclaveException> failed, CancellationToken cancellationToken)
    {
        for (var pause = Backoff.Start; ; pause = Backoff.Next(pause))
        {
            ThrowIfLost();
            try
            {
                await PutRecordAsync(cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (SessionExpiredException)
            {
                MarkGone();
                throw;
            }
            catch (ConclaveException e)
            {
                // also those that no repetition mends: until it is known, a contender of ours may stand in a queue
                LogNotSettled(e, Id);
                failed(e);
                await Task.Delay(Backoff.Jitter(pause), _time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async ValueTask PutRecordAsync(CancellationToken cancellationToken)
    {
        var put = new Transaction(writes: [Write.Put(RecordKey, _record, Id)], reads: [Read.Get(RecordKey)]);
        var result = await _store.CommitAsync(put, cancellationToken).ConfigureAwait(false);
        AdoptGate(result.Get(0)?.Revision ?? throw new SessionExpiredException($"The session {Id} is gone."));
    }

    private void OnDeadline()
    {
        _ = IsLive();
        if (LossReason is null)
        {
            // renewed in this moment, or the timer came a little early, also while a disturbed clock makes the session uncertain
            _ = _deadline?.Change(SafeTime + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
        }
    }

    private void MarkLost(SessionLossCause cause, string reason)
    {
        ClaimHold[] lost;
        lock (_lock)
        {
            if (_lossReason is not null)
            {
                return;
            }

            Volatile.Write(ref _lossReason, reason);
            _lossSignal = SignalLossAsync();
            _wakeRenewal.CancelAfter(TimeSpan.Zero);
            lost = [.. _holds];
            _holds.Clear();
        }

        foreach (var hold in lost)
        {
            hold.OnSessionLost();
        }

        if (cause != SessionLossCause.ClientDisposed)
        {
            _telemetry.Lost(cause);
            LogLost(Id, reason);
        }
    }

    private async Task SignalLossAsync()
    {
        try
        {
            await _lost.CancelAsync().ConfigureAwait(false);
        }
        catch (AggregateException e)
        {
            LogCallbackFailed(e, Id);
        }
    }

    private async ValueTask CloseQuietlyAsync()
    {
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromTicks(Math.Min(TimeToLive.Ticks / 3, TimeSpan.TicksPerSecond * 5)), _time);
            await _store.CloseSessionAsync(Id, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is ConclaveException or OperationCanceledException or ObjectDisposedException)
        {
            LogNotClosed(e, Id);
        }
    }
}
