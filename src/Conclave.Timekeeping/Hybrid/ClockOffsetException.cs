namespace Conclave.Timekeeping;

/// <summary>A timestamp of somebody else is too far ahead of our time. Our clock was not moved.</summary>
public sealed class ClockOffsetException : Exception
{
    internal ClockOffsetException(HybridTimestamp received, TimeSpan ahead, TimeSpan maxOffset)
        : base($"The timestamp {received} is {ahead.TotalMilliseconds:0} ms ahead of this clock, and at most {maxOffset.TotalMilliseconds:0} ms are accepted (MaxOffset): one of the two clocks is wrong.") =>
        (Received, Ahead, MaxOffset) = (received, ahead, maxOffset);

    /// <summary>The timestamp that was refused.</summary>
    public HybridTimestamp Received { get; }

    /// <summary>How far it is ahead of our time.</summary>
    public TimeSpan Ahead { get; }

    /// <summary>How far it may be: <see cref="HybridClockOptions.MaxOffset"/>.</summary>
    public TimeSpan MaxOffset { get; }
}
