namespace Conclave;

/// <summary>The settings of <see cref="LeaderElection.RunAsync"/>.</summary>
public sealed record LeadOptions
{
    /// <summary>What the leader tells about itself.</summary>
    /// <value>Nothing.</value>
    public ReadOnlyMemory<byte> Value { get; init; }

    /// <summary>How long the work may take to stop after the leadership was lost, or the caller cancelled.</summary>
    /// <value>30 seconds; more than zero.</value>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>A leadership that was lost sooner than this counts as flapping: the pause before the next campaign doubles.</summary>
    /// <value>1 minute; not negative.</value>
    public TimeSpan FlapWindow { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The first pause of flapping.</summary>
    /// <value>1 second; not negative.</value>
    public TimeSpan FirstPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest pause of flapping.</summary>
    /// <value>1 minute; not less than the first.</value>
    public TimeSpan LongestPause { get; init; } = TimeSpan.FromMinutes(1);

    internal void Check()
    {
        Check(nameof(StopTimeout), StopTimeout, StopTimeout > TimeSpan.Zero && StopTimeout.TotalMilliseconds <= int.MaxValue, "more than zero and at most 24 days");
        Check(nameof(FlapWindow), FlapWindow, FlapWindow >= TimeSpan.Zero, "not negative");
        Check(nameof(FirstPause), FirstPause, FirstPause >= TimeSpan.Zero, "not negative");
        Check(nameof(LongestPause), LongestPause, LongestPause >= FirstPause && LongestPause.TotalMilliseconds <= int.MaxValue, "not less than FirstPause and at most 24 days");
    }

    private static void Check(string option, TimeSpan value, bool isRight, string range)
    {
        if (!isRight)
        {
            throw new ArgumentOutOfRangeException(option, value, $"LeadOptions.{option} must be {range}.");
        }
    }
}
