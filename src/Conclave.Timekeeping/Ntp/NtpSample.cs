namespace Conclave.Timekeeping;

/// <summary>
/// What one answer tells. Times are in ticks of the clock's own timescale, which is the monotonic clock counted from the wall clock's first
/// reading: no step of the wall clock moves it.
/// </summary>
/// <param name="At">When the answer came.</param>
/// <param name="Offset">What has to be added to the timescale.</param>
/// <param name="Delay">The round trip, without the time that the server took.</param>
/// <param name="Distance">How far the truth may be from the offset, if the server is honest: half the round trips to the server and from there to the reference clock, and the errors on the way.</param>
internal readonly record struct NtpSample(long At, long Offset, long Delay, long Distance)
{
    // what is lost to the resolution of timestamps and ticks
    private const long Rounding = 4;

    /// <summary>The distance later: by then the monotonic clock may have drifted.</summary>
    public long DistanceAt(long now, double drift) => Distance + (long)(Math.Max(0, now - At) * drift) + 1;

    /// <summary>Makes a sample of a good answer.</summary>
    /// <param name="answer">The answer.</param>
    /// <param name="sent">When the request left, on the timescale.</param>
    /// <param name="received">When the answer was read, on the timescale.</param>
    /// <param name="drift">What the monotonic clock may gain or lose.</param>
    /// <remarks>Source: RFC 5905, section 8, and the root distance of section 11.2.</remarks>
    public static NtpSample Of(in NtpPacket answer, long sent, long received, double drift)
    {
        long there = answer.Receive.TicksSince(NtpTimestamp.FromTicks(sent));
        long back = answer.Transmit.TicksSince(NtpTimestamp.FromTicks(received));
        long onTheWay = received - sent;
        long delay = onTheWay - answer.Transmit.TicksSince(answer.Receive);
        long precision = answer.Precision >= 0 ? TimeSpan.TicksPerSecond : (long)Math.ScaleB(TimeSpan.TicksPerSecond, answer.Precision) + 1;
        long distance = (Math.Max(0, delay) / 2) + (answer.RootDelay / 2) + answer.RootDispersion + precision + (long)(onTheWay * drift) + Rounding;
        return new(received, (there + back) / 2, delay, distance);
    }
}
