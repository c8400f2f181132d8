using System.Globalization;

namespace Conclave.Timekeeping;

/// <summary>The settings of a member of a <see cref="ClockGroup"/>.</summary>
public sealed record ClockGroupOptions
{
    /// <summary>How often the clocks are compared, by whoever has been in the group for longest.</summary>
    /// <value>30 seconds; from 1 second to 1 day, or <see cref="Timeout.InfiniteTimeSpan"/> for never by itself.</value>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a comparison waits for members that do not answer.</summary>
    /// <value>2 seconds; from 10 milliseconds to 1 minute.</value>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>What others see as the owner of the clock.</summary>
    /// <value>Null: the machine's name and the process id.</value>
    public string? Label { get; init; }

    internal string Name => Label ?? string.Create(CultureInfo.InvariantCulture, $"{Environment.MachineName}:{Environment.ProcessId}");

    internal void Check()
    {
        if (Interval != System.Threading.Timeout.InfiniteTimeSpan && (Interval < TimeSpan.FromSeconds(1) || Interval > TimeSpan.FromDays(1)))
        {
            throw new ArgumentOutOfRangeException(nameof(Interval), Interval, $"{nameof(Interval)} must be from 1 second to 1 day, or Timeout.InfiniteTimeSpan for never.");
        }

        if (AnswerTimeout < TimeSpan.FromMilliseconds(10) || AnswerTimeout > TimeSpan.FromMinutes(1))
        {
            throw new ArgumentOutOfRangeException(nameof(AnswerTimeout), AnswerTimeout, $"{nameof(AnswerTimeout)} must be from 10 milliseconds to 1 minute.");
        }

        if (Label is { Length: > 200 })
        {
            throw new ArgumentOutOfRangeException(nameof(Label), Label.Length, $"{nameof(Label)} must have at most 200 characters.");
        }
    }
}
