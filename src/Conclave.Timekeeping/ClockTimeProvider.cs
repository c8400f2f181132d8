namespace Conclave.Timekeeping;

/// <summary>
/// A time provider whose UTC time follows a synchronized clock, never steps back, and makes corrections slowly. Timestamps and timers are the
/// monotonic ones of the system: a timeout does not get shorter because the time was corrected.
/// </summary>
/// <remarks>
/// It starts with the time that the clock has when it is made. Make it when the clock is synchronized
/// (<see cref="SynchronizedClock.WaitUntilSynchronizedAsync"/>); a start that is an hour ahead is only caught up with at the slew rate.
/// </remarks>
public sealed class ClockTimeProvider : TimeProvider
{
    private readonly SynchronizedClock _clock;
    private readonly double _slewRate;
    private readonly long _jumpForwardAbove;
    private Course _course;
    private long _last;

    /// <summary>Creates a provider.</summary>
    /// <param name="clock">The clock to follow; it is not disposed.</param>
    /// <param name="options">The settings, or null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public ClockTimeProvider(SynchronizedClock clock, ClockTimeProviderOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(clock);
        options ??= new();
        options.Check();
        _clock = clock;
        _slewRate = options.SlewRate;
        _jumpForwardAbove = options.JumpForwardAbove == Timeout.InfiniteTimeSpan ? long.MaxValue : options.JumpForwardAbove.Ticks;
        _ = clock.Read();
        var estimate = clock.Estimate;
        long stamp = clock.Time.GetTimestamp();
        _course = new(estimate, stamp, estimate.Ticks + clock.Elapsed(estimate, stamp), 0);
    }

    /// <inheritdoc/>
    public override long TimestampFrequency => _clock.Time.TimestampFrequency;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => _clock.Time.LocalTimeZone;

    /// <summary>How far <see cref="GetUtcNow"/> is still from the clock: positive while it has to catch up.</summary>
    public TimeSpan Pending
    {
        get
        {
            long now = GetUtcNow().UtcTicks;
            return new(_clock.Read().Ticks - now);
        }
    }

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        var course = Volatile.Read(ref _course);
        long stamp = _clock.Time.GetTimestamp();
        if (!ReferenceEquals(course.Estimate, _clock.Estimate) || _clock.Elapsed(course.Estimate, stamp) > course.Estimate.RefreshAfter)
        {
            (course, stamp) = Turn(course);
        }

        // who was interrupted between the two looks above must not tell less than somebody else already did
        long now = At(course, stamp);
        long last = Volatile.Read(ref _last);
        while (now > last)
        {
            long seen = Interlocked.CompareExchange(ref _last, now, last);
            if (seen == last)
            {
                return new(now, TimeSpan.Zero);
            }

            last = seen;
        }

        return new(last, TimeSpan.Zero);
    }

    /// <inheritdoc/>
    public override long GetTimestamp() => _clock.Time.GetTimestamp();

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        _clock.Time.CreateTimer(callback, state, dueTime, period);

    private long At(Course course, long stamp)
    {
        double elapsed = (stamp - course.Stamp) * ((double)TimeSpan.TicksPerSecond / _clock.Time.TimestampFrequency);
        double most = elapsed * _slewRate;
        return course.Ticks + (long)(elapsed + Math.Clamp(course.Correction, -most, most));
    }

    /// <summary>Takes another course, because the clock has a better estimate: from where this one has come, towards it.</summary>
    private (Course Course, long Stamp) Turn(Course before)
    {
        while (true)
        {
            _ = _clock.Read();
            var estimate = _clock.Estimate;
            long stamp = _clock.Time.GetTimestamp();
            long target = estimate.Ticks + _clock.Elapsed(estimate, stamp);
            long here = Math.Max(At(before, stamp), Volatile.Read(ref _last));
            long correction = target - here;
            var next = correction > _jumpForwardAbove ? new Course(estimate, stamp, target, 0) : new Course(estimate, stamp, here, correction);
            var seen = Interlocked.CompareExchange(ref _course, next, before);
            if (ReferenceEquals(seen, before))
            {
                return (next, stamp);
            }

            if (ReferenceEquals(seen.Estimate, estimate))
            {
                return (seen, _clock.Time.GetTimestamp());
            }

            before = seen;
        }
    }

    /// <summary>Where the time was, and what has to be corrected from there on.</summary>
    private sealed record Course(ClockEstimate Estimate, long Stamp, long Ticks, long Correction);
}
