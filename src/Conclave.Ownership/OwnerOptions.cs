namespace Conclave.Ownership;

/// <summary>The settings of a <see cref="MostlyCorrectOwner"/>. Processes that share keys should have the same.</summary>
public sealed record OwnerOptions
{
    internal static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(10);
    internal static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    /// <summary>
    /// How often who is first in line looks whether it may go on, when no hint comes. The pauses are random between two thirds of it and all
    /// of it, so that processes do not move in step. A release is told by a hint, so this matters where hints are late.
    /// </summary>
    /// <value>150 ms; from 10 ms to 10 minutes.</value>
    public TimeSpan AcquireInterval { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary>
    /// For how long an ownership is good without being refreshed; it is refreshed twice as often. When its owner crashes, the next one takes
    /// over after this and an eighth more.
    /// </summary>
    /// <value>400 ms; from 10 ms to 10 minutes.</value>
    public TimeSpan RefreshInterval { get; init; } = TimeSpan.FromMilliseconds(400);

    internal void Check()
    {
        Check(AcquireInterval, nameof(AcquireInterval));
        Check(RefreshInterval, nameof(RefreshInterval));
    }

    private static void Check(TimeSpan interval, string name)
    {
        if (interval < Shortest || interval > Longest)
        {
            throw new ArgumentOutOfRangeException(name, interval, $"OwnerOptions.{name} must be from 10 ms to 10 minutes.");
        }
    }
}
