namespace Conclave;

/// <summary>The renewals: every third of the time to live, on timers that need no thread of the pool.</summary>
internal sealed partial class Session
{
    private async Task RenewAsync()
    {
        try
        {
            await RenewUntilLostAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // nobody renews any more, so nobody may believe any more
            MarkLost(SessionLossCause.DeadlinePassed, $"its renewals ended unexpectedly ({e.GetType().Name})");
        }
    }

    private async ValueTask RenewUntilLostAsync()
    {
        // the first await leaves the caller's thread; from then on this runs on the renewal timers
        var interval = TimeToLive / 3;
        var firstRetry = TimeSpan.FromTicks(Math.Min((TimeToLive / 12).Ticks, TimeSpan.TicksPerSecond));
        var pause = Backoff.Jitter(interval, 0.1);
        var retry = firstRetry;
        while (await PauseAsync(pause).ConfigureAwait(false))
        {
            if (await TryRenewAsync().ConfigureAwait(false))
            {
                retry = firstRetry;
                pause = Backoff.Jitter(interval, 0.1);
            }
            else
            {
                pause = Backoff.Jitter(retry, 0.1);
                retry = TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, (TimeToLive / 6).Ticks));
            }
        }
    }

    /// <summary>Waits for the next renewal, the deadline, or a call for an early one. False when there is nothing more to renew.</summary>
    private async ValueTask<bool> PauseAsync(TimeSpan pause)
    {
        var left = Backoff.RoundUp(SafeTime);
        CancellationToken wake;
        lock (_lock)
        {
            wake = _wakeRenewal.Token;
        }

        await Task.Delay(pause < left ? pause : left, _renewalTimers, wake).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_lock)
        {
            if (wake.IsCancellationRequested && LossReason is null)
            {
                _wakeRenewal.Dispose();
                _wakeRenewal = new CancellationTokenSource();
            }
        }

        // looking is what notices that the deadline has passed
        _ = IsLive();
        return LossReason is null;
    }

    private async ValueTask<bool> TryRenewAsync()
    {
        long sentAt = _time.GetTimestamp();
        long wallAtSend = _time.GetUtcNow().Ticks;
        try
        {
            using var attempt = new CancellationTokenSource(TimeToLive / 6, _renewalTimers);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(attempt.Token, _closing.Token);
            var renewal = _store.RenewSessionAsync(Id, either.Token);

            // a provider that ignores its token must not hold up the next attempt
            bool alive = await (renewal.IsCompleted ? renewal : new(renewal.AsTask().Observed().WaitAsync(either.Token))).ConfigureAwait(false);
            if (!alive)
            {
                MarkGone();
                return false;
            }
        }
        catch (Exception e)
        {
            // whatever it is, a store of somebody else included: without an answer nothing is extended
            if (Interlocked.Exchange(ref _overdue, 1) == 0 && LossReason is null)
            {
                LogRenewalFailed(e, Id, SafeTime);
            }

            return false;
        }

        Extend(sentAt, wallAtSend);
        return true;
    }

    private void Extend(long sentAt, long wallAtSend)
    {
        lock (_lock)
        {
            // a late answer extends nothing: the deadline that stood while it was under way decides
            if (_lossReason is not null || _time.GetElapsedTime(_sentAt) >= _believed)
            {
                return;
            }

            var gap = _time.GetElapsedTime(_sentAt, sentAt);
            var margin = _believed - _time.GetElapsedTime(_sentAt);
            Volatile.Write(ref _wallAtSend, wallAtSend);
            Volatile.Write(ref _sentAt, sentAt);
            _ = _deadline?.Change(SafeTime, Timeout.InfiniteTimeSpan);
            if (Interlocked.Exchange(ref _overdue, 0) != 0)
            {
                LogRenewedAgain(Id);
            }

            _telemetry.Renewed(gap, margin);
        }
    }

    private void WakeRenewals()
    {
        lock (_lock)
        {
            if (Interlocked.Exchange(ref _overdue, 1) == 0 && _lossReason is null)
            {
                LogClockDisturbed(Id);
                _wakeRenewal.CancelAfter(TimeSpan.Zero);
            }
        }
    }
}
