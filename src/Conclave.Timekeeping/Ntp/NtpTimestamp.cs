namespace Conclave.Timekeeping;

/// <summary>
/// The 64-bit timestamp of NTP: seconds since 1900 and their fraction, which start again at zero in February 2036. Only differences mean
/// anything, and they are signed: they are right as long as the two are less than 68 years apart, whatever the era.
/// </summary>
/// <remarks>Source: RFC 5905, section 6.</remarks>
internal readonly record struct NtpTimestamp(ulong Value)
{
    /// <summary>The time is not before this, whatever a machine without a battery believes.</summary>
    public static readonly DateTimeOffset Pivot = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly long Epoch = new DateTimeOffset(1900, 1, 1, 0, 0, 0, TimeSpan.Zero).UtcTicks;

    public bool IsZero => Value == 0;

    public static NtpTimestamp FromTicks(long utcTicks) =>
        new((ulong)(((Int128)(utcTicks - Epoch) << 32) / TimeSpan.TicksPerSecond));

    /// <summary>The ticks from another timestamp to this one, rounded towards zero.</summary>
    public long TicksSince(NtpTimestamp other) => (long)((Int128)(long)(Value - other.Value) * TimeSpan.TicksPerSecond / ((Int128)1 << 32));

    /// <summary>Whether this is certainly before another one, with regard to the era.</summary>
    public bool IsBefore(NtpTimestamp other) => (long)(Value - other.Value) < 0;
}
