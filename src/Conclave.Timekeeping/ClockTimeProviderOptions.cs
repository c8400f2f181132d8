namespace Conclave.Timekeeping;

/// <summary>The settings of a <see cref="ClockTimeProvider"/>.</summary>
public sealed record ClockTimeProviderOptions
{
    /// <summary>How fast a correction is made: seconds of correction per second.</summary>
    /// <value>0.0005 (500 ppm: a millisecond takes two seconds); from 0.000001 to 0.5.</value>
    public double SlewRate { get; init; } = 500e-6;

    /// <summary>Forward corrections that are larger than this are made at once. Backward ones never are.</summary>
    /// <value>128 milliseconds, as ntpd has it; at least zero, or <see cref="Timeout.InfiniteTimeSpan"/> for never.</value>
    public TimeSpan JumpForwardAbove { get; init; } = TimeSpan.FromMilliseconds(128);

    internal void Check()
    {
        if (SlewRate is not (>= 1e-6 and <= 0.5))
        {
            throw new ArgumentOutOfRangeException(nameof(SlewRate), SlewRate, $"{nameof(SlewRate)} must be from 0.000001 to 0.5 (500 ppm is 0.0005).");
        }

        if (JumpForwardAbove < TimeSpan.Zero && JumpForwardAbove != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(
                nameof(JumpForwardAbove), JumpForwardAbove, $"{nameof(JumpForwardAbove)} must be at least zero, or Timeout.InfiniteTimeSpan for never.");
        }
    }
}
