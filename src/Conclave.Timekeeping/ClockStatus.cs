using System.Collections.Immutable;

namespace Conclave.Timekeeping;

/// <summary>Everything that a clock can tell about itself: for people, dashboards and the <c>conclave time</c> command.</summary>
/// <param name="Reading">The time and its bound.</param>
/// <param name="Offset">What would have to be added to the wall clock of this machine to get <see cref="ClockReading.Time"/>.</param>
/// <param name="Age">How long ago the time was last compared with its sources; null if never.</param>
/// <param name="Sources">Where the time comes from, one by one.</param>
/// <param name="Explanation">Why the state is what it is, in a sentence.</param>
public sealed record ClockStatus(ClockReading Reading, TimeSpan Offset, TimeSpan? Age, ImmutableArray<ClockSource> Sources, string Explanation)
{
    /// <summary>What the clock knows about its own error.</summary>
    public ClockState State => Reading.State;

    /// <summary>How far the true time may be from the clock's; null if that is not known.</summary>
    public TimeSpan? Uncertainty => Reading.Uncertainty;
}

/// <summary>One place that time comes from.</summary>
/// <param name="Name">As it was configured.</param>
/// <param name="Address">Where it was last asked, or null.</param>
/// <param name="Verdict">What became of its answers.</param>
/// <param name="Reason">Why, in a sentence.</param>
/// <param name="Offset">What it says would have to be added to the wall clock of this machine; null without a usable answer.</param>
/// <param name="Uncertainty">How wrong that may be if the source is honest; null without a usable answer.</param>
/// <param name="Delay">The round trip of the best answer; null without a usable answer.</param>
/// <param name="Stratum">How many hops it is away from a reference clock, from 1 to 15; null without a usable answer.</param>
/// <param name="Age">How long ago its best answer came; null without a usable answer.</param>
public sealed record ClockSource(
    string Name, string? Address, SourceVerdict Verdict, string Reason, TimeSpan? Offset, TimeSpan? Uncertainty, TimeSpan? Delay, int? Stratum, TimeSpan? Age);

/// <summary>What became of the answers of a source.</summary>
public enum SourceVerdict
{
    /// <summary>Nothing is known yet.</summary>
    Waiting,

    /// <summary>It agrees with the majority, and its time is part of the result.</summary>
    Used,

    /// <summary>It agrees with the majority, but others are closer to each other; its time is not part of the result.</summary>
    Spare,

    /// <summary>It contradicts the majority, or there is none to agree with.</summary>
    Outvoted,

    /// <summary>It answers, and what it says about itself, or how it answers, makes it unusable.</summary>
    Rejected,

    /// <summary>It does not answer, or cannot be found.</summary>
    Silent,

    /// <summary>It is another name of a source that is asked already, and counts once.</summary>
    Duplicate,
}
