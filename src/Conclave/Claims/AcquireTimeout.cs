namespace Conclave;

/// <summary>What all tools say about the timeout of an acquire.</summary>
internal static class AcquireTimeout
{
    /// <summary>Checks a timeout, and makes one that no timer can take infinite: 24 days are without limit.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public static TimeSpan Checked(TimeSpan timeout)
    {
        if (timeout < TimeSpan.Zero && timeout != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(nameof(timeout), timeout, "A timeout must not be negative; Timeout.InfiniteTimeSpan waits without limit.");
        }

        return timeout.TotalMilliseconds > int.MaxValue ? Timeout.InfiniteTimeSpan : timeout;
    }

    /// <summary>The exception of an acquire that was not granted in time.</summary>
    public static TimeoutException Exceeded(string what, TimeSpan timeout) => new($"{what} was not acquired within {timeout.TotalSeconds} s.");
}
