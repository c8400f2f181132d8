namespace Conclave.Timekeeping;

/// <summary>The settings of a <see cref="HybridClock"/>.</summary>
public sealed record HybridClockOptions
{
    /// <summary>A timestamp of somebody else that is further ahead of our time than this is refused, so that one wrong clock does not drag all others along.</summary>
    /// <value>500 milliseconds; more than zero, up to 1 day.</value>
    public TimeSpan MaxOffset { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The clock starts after this: the last timestamp that was given out before a restart, or a bound for it that was stored.</summary>
    /// <value>Nothing: a restart after the wall clock was set back may repeat timestamps.</value>
    public HybridTimestamp StartAfter { get; init; }

    internal void Check()
    {
        if (MaxOffset <= TimeSpan.Zero || MaxOffset > TimeSpan.FromDays(1))
        {
            throw new ArgumentOutOfRangeException(nameof(MaxOffset), MaxOffset, $"{nameof(MaxOffset)} must be more than zero and at most 1 day.");
        }

        if (StartAfter.Value >> HybridTimestamp.LogicalBits > (ulong)DateTimeOffset.MaxValue.ToUnixTimeMilliseconds())
        {
            throw new ArgumentOutOfRangeException(nameof(StartAfter), StartAfter, $"{nameof(StartAfter)} must be before the year 10000; this is no timestamp that a clock gave out.");
        }
    }
}
