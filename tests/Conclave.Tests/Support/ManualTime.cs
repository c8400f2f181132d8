namespace Conclave.Tests;

/// <summary>A clock that moves when it is told to, with timers that fire while it moves.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<Timer> _timers = [];
    private long _now = TimeSpan.TicksPerDay;
    private DateTimeOffset _wall = new(2026, 11, 21, 8, 0, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>Timers that are armed: what a test for leaks counts.</summary>
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

    public override long GetTimestamp()
    {
        lock (_lock)
        {
            return _now;
        }
    }

    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock)
        {
            return _wall;
        }
    }

    /// <summary>Moves both clocks, firing timers in order of their due times.</summary>
    public void Advance(TimeSpan span)
    {
        long end = GetTimestamp() + span.Ticks;
        while (true)
        {
            Timer? due;
            lock (_lock)
            {
                due = _timers.Where(t => t.Due <= end).MinBy(t => t.Due);
                long at = Math.Max(due?.Due ?? end, _now);
                _wall += TimeSpan.FromTicks(at - _now);
                _now = at;
                if (due is null)
                {
                    return;
                }

                _timers.Remove(due);
                due.Rearm(_timers, _now);
            }

            due.Fire();
        }
    }

    /// <summary>Moves the wall clock alone.</summary>
    public void StepWallClock(TimeSpan span)
    {
        lock (_lock)
        {
            _wall += span;
        }
    }

    /// <summary>Moves the monotonic clock without firing a timer: what a process sees that was stopped.</summary>
    public void JumpWithoutTimers(TimeSpan span)
    {
        lock (_lock)
        {
            _now += span.Ticks;
            _wall += span;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Timer(ManualTime owner, Action callback) : ITimer
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

        public void Rearm(List<Timer> timers, long now)
        {
            if (_period != Timeout.InfiniteTimeSpan && _period != TimeSpan.Zero)
            {
                Due = now + _period.Ticks;
                timers.Add(this);
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
