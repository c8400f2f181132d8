namespace Conclave.Testing;

/// <summary>
/// The clock of one client: that of the case, ahead of it by what the client slept through. Its timers are those of the case's clock, so a
/// jump fires none.
/// </summary>
internal sealed class ClientClock(TimeProvider behind) : TimeProvider
{
    private long _offset;
    private long _wallOffset;

    public override long TimestampFrequency => behind.TimestampFrequency;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override long GetTimestamp() => behind.GetTimestamp() + Volatile.Read(ref _offset);

    public override DateTimeOffset GetUtcNow() => behind.GetUtcNow() + new TimeSpan(Volatile.Read(ref _wallOffset));

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        behind.CreateTimer(callback, state, dueTime, period);

    /// <summary>What a process sees that was stopped and continued.</summary>
    public void Jump(TimeSpan span)
    {
        // first the monotonic clock: a look in between must not find the wall clock ahead
        Interlocked.Add(ref _offset, (long)(span.TotalSeconds * TimestampFrequency));
        StepWallClock(span);
    }

    /// <summary>Moves the wall clock alone.</summary>
    public void StepWallClock(TimeSpan span) => Interlocked.Add(ref _wallOffset, span.Ticks);
}
