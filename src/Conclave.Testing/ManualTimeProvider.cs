namespace Conclave.Testing;

/// <summary>
/// A clock that moves when it is told to, with timers that fire while it moves. The monotonic clock and the wall clock move together unless a
/// test moves one of them alone. Timer callbacks run on the thread that moves the clock.
/// </summary>
public sealed class ManualTimeProvider : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<Timer> _timers = [];
    private long _now = TimeSpan.TicksPerDay;
    private DateTimeOffset _wall;

    /// <summary>Creates a clock that stands still.</summary>
    /// <param name="start">What its wall clock shows, or null for the beginning of the year 2026, UTC.</param>
    public ManualTimeProvider(DateTimeOffset? start = null) => _wall = start ?? new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>How many timers are armed: what a test for leaks counts.</summary>
    public int ArmedTimers
    {
        get
        {
            lock (_lock)
            {
                return _timers.Count;
            }
        }
    }

    /// <inheritdoc/>
    public override long GetTimestamp()
    {
        lock (_lock)
        {
            return _now;
        }
    }

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock)
        {
            return _wall;
        }
    }

    /// <summary>Moves both clocks, and fires the timers on the way in the order of their due times.</summary>
    /// <param name="span">How far; zero fires what is due now.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="span"/> is negative.</exception>
    public void Advance(TimeSpan span)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(span, TimeSpan.Zero);
        long end = GetTimestamp() + span.Ticks;
        while (true)
        {
            Timer? due;
            lock (_lock)
            {
                due = _timers.Where(t => t.Due <= end).MinBy(t => t.Due);

                // a callback may have jumped ahead
                long at = Math.Max(due?.Due ?? end, _now);
                _wall += TimeSpan.FromTicks(at - _now);
                _now = at;
                if (due is null)
                {
                    return;
                }

                _timers.Remove(due);
                due.Rearm();
            }

            due.Fire();
        }
    }

    /// <summary>Moves both clocks without firing a timer: what a process sees that was stopped and continued.</summary>
    /// <param name="span">How far.</param>
    public void JumpWithoutTimers(TimeSpan span)
    {
        lock (_lock)
        {
            _now += span.Ticks;
            _wall += span;
        }
    }

    /// <summary>Moves the wall clock alone: an administrator, NTP, or a virtual machine that was paused.</summary>
    /// <param name="span">How far; negative steps back.</param>
    public void StepWallClock(TimeSpan span)
    {
        lock (_lock)
        {
            _wall += span;
        }
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new Timer(this, () => callback(state));
        _ = timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Timer(ManualTimeProvider owner, Action callback) : ITimer
    {
        private TimeSpan _period;

        public long Due { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (owner._lock)
            {
                owner._timers.Remove(this);
                _period = period;
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = owner._now + dueTime.Ticks;
                    owner._timers.Add(this);
                }
            }

            return true;
        }

        /// <summary>Called under the owner's lock.</summary>
        public void Rearm()
        {
            if (_period > TimeSpan.Zero)
            {
                Due = owner._now + _period.Ticks;
                owner._timers.Add(this);
            }
        }

        public void Fire() => callback();

        public void Dispose()
        {
            lock (owner._lock)
            {
                owner._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
