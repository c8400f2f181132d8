using System.Security.Cryptography;

namespace Conclave;

/// <summary>How long to wait before asking a store again: exponential, with jitter so that clients do not move in step.</summary>
internal static class Backoff
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    public static TimeSpan Start { get; } = TimeSpan.FromMilliseconds(20);

    public static TimeSpan Next(TimeSpan pause) => pause * 2 < Longest ? pause * 2 : Longest;

    /// <summary>The span, up to a share longer or shorter.</summary>
    public static TimeSpan Jitter(TimeSpan span, double share = 0.5) =>
        span * (1 - share + (2 * share * RandomNumberGenerator.GetInt32(1 << 20) / (1 << 20)));
}
