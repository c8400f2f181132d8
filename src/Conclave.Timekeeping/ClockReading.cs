namespace Conclave.Timekeeping;

/// <summary>One look at a clock: the time as well as it is known, how wrong it may be, and on what ground.</summary>
public readonly record struct ClockReading
{
    private readonly long _ticks;
    private readonly long _below;
    private readonly long _above;

    internal ClockReading(long ticks, long below, long above, ClockState state) => (_ticks, _below, _above, State) = (ticks, below, above, state);

    /// <summary>What the clock knows about its own error.</summary>
    public ClockState State { get; }

    /// <summary>The best estimate, in UTC. It may go backwards from one reading to the next when a better one is made.</summary>
    public DateTimeOffset Time => At(_ticks);

    /// <summary>Whether a bound is claimed: the clock is synchronized or in holdover.</summary>
    public bool IsBounded => _below >= 0;

    /// <summary>How far the true time may be from <see cref="Time"/>, or null if that is not known.</summary>
    public TimeSpan? Uncertainty => IsBounded ? new(Math.Max(_below, _above)) : null;

    /// <summary>The true time is not before this; <see cref="DateTimeOffset.MinValue"/> if no bound is known.</summary>
    public DateTimeOffset Earliest => IsBounded ? At(_ticks - _below) : DateTimeOffset.MinValue;

    /// <summary>The true time is not after this; <see cref="DateTimeOffset.MaxValue"/> if no bound is known.</summary>
    public DateTimeOffset Latest => IsBounded ? At(_ticks + _above) : DateTimeOffset.MaxValue;

    /// <summary>The true time lies in this; <see cref="TimeInterval.Unknown"/> if no bound is known.</summary>
    public TimeInterval Interval => new(Earliest, Latest);

    internal long Ticks => _ticks;

    /// <inheritdoc/>
    public override string ToString() =>
        Uncertainty is { } uncertainty ? $"{Time:O} ± {uncertainty.TotalMilliseconds:0.###} ms ({State})" : $"{Time:O}, no bound ({State})";

    private static DateTimeOffset At(long ticks) => new(Math.Clamp(ticks, 0, DateTime.MaxValue.Ticks), TimeSpan.Zero);
}
