using System.Security.Cryptography;

namespace Conclave;

/// <summary>How long to wait before asking a store again: exponential, with jitter so that clients do not move in step.</summary>
internal static class Backoff
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    public static TimeSpan Start { get; } = TimeSpan.FromMilliseconds(20);

    public static TimeSpan Next(TimeSpan pause) => pause * 2 < Longest ? pause * 2 : Longest;

    /// <summary>
    /// The span in whole milliseconds, which is what timers count: a part of one would be none, and the last one before a deadline full of attempts.
    /// </summary>
    public static TimeSpan RoundUp(TimeSpan span) => TimeSpan.FromMilliseconds(Math.Ceiling(span.TotalMilliseconds));

    /// <summary>The span, up to a share longer or shorter.</summary>
    public static TimeSpan Jitter(TimeSpan span, double share = 0.5) =>
        span * (1 - share + (2 * share * RandomNumberGenerator.GetInt32(1 << 20) / (1 << 20)));
}
