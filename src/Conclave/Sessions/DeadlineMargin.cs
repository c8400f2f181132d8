namespace Conclave;

/// <summary>
/// How much earlier than the store a holder stops believing in its own session. The holder's deadline is the moment a successful renewal was
/// <em>sent</em> + time to live × (1 − <see cref="ClientDrift"/> − <see cref="EngineDrift"/>) − <see cref="Guard"/>; the engine's is not
/// before the moment it <em>received</em> the renewal + time to live, on a clock whose rate is off by at most <see cref="EngineDrift"/>.
/// Sent is not after received, so the holder always stops first.
/// </summary>
/// <remarks>Source: the send-time rule of Gray and Cheriton, "Leases" (SOSP 1989), with a bound on the drift of clock rates.</remarks>
public sealed record DeadlineMargin
{
    /// <summary>The largest relative error of this process's clock rate.</summary>
    /// <value>0.0005 (500 ppm, the most that NTP slews).</value>
    public double ClientDrift { get; init; } = 500e-6;

    /// <summary>The largest relative error of the engine's clock rate.</summary>
    /// <value>0.0005 (500 ppm).</value>
    public double EngineDrift { get; init; } = 500e-6;

    /// <summary>A fixed time on top, for what no formula knows; null for the default.</summary>
    /// <value>The larger of 250 ms and a thirtieth of the time to live.</value>
    public TimeSpan? Guard { get; init; }

    internal TimeSpan GuardFor(TimeSpan timeToLive) =>
        Guard ?? TimeSpan.FromTicks(Math.Max(TimeSpan.FromMilliseconds(250).Ticks, timeToLive.Ticks / 30));

    /// <summary>How long after a renewal was sent a session may still be believed.</summary>
    internal TimeSpan Believed(TimeSpan timeToLive) =>
        (timeToLive * (1 - ClientDrift - EngineDrift)) - GuardFor(timeToLive);

    internal void Check(TimeSpan timeToLive)
    {
        if (ClientDrift is not (>= 0 and < 0.1) || EngineDrift is not (>= 0 and < 0.1))
        {
            throw new ArgumentOutOfRangeException(nameof(ConclaveOptions.Margin), $"{ClientDrift}, {EngineDrift}",
                "The drifts of ConclaveOptions.Margin must be from 0 to 0.1 (a tenth).");
        }

        // a renewal every third, and half of that again to hear its answer
        if (GuardFor(timeToLive) < TimeSpan.Zero || Believed(timeToLive) < timeToLive / 2)
        {
            throw new ArgumentOutOfRangeException(nameof(ConclaveOptions.Margin), GuardFor(timeToLive),
                $"The margin must leave at least half of the time to live of {timeToLive.TotalSeconds} s.");
        }
    }
}
