using System.Collections.Immutable;

namespace Conclave.Timekeeping;

/// <summary>A comparison of all clocks of a group.</summary>
/// <param name="At">When it was made, by the clock of who made it.</param>
/// <param name="HasMajority">Whether more than half of the clocks that claim a bound can be right together. If not, nobody can say who is wrong.</param>
/// <param name="Clocks">The clocks, in the order in which they joined.</param>
public sealed record ClockReport(DateTimeOffset At, bool HasMajority, ImmutableArray<ComparedClock> Clocks)
{
    /// <summary>The clocks that cannot be right if the majority is.</summary>
    public IEnumerable<ComparedClock> Skewed => Clocks.Where(c => c.Verdict == ClockVerdict.Skewed);

    /// <summary>The clock of one member.</summary>
    /// <param name="id">Its <see cref="ComparedClock.Id"/>.</param>
    /// <returns>Null if it was not there.</returns>
    public ComparedClock? Find(string id) => Clocks.FirstOrDefault(c => c.Id == id);
}

/// <summary>One clock in a comparison.</summary>
/// <param name="Id">What names the member, as in <see cref="Member.Id"/>.</param>
/// <param name="Name">Whose clock it is.</param>
/// <param name="Verdict">Whether it can be right.</param>
/// <param name="Offset">How far it was ahead of the clock of who made the comparison; null if it did not answer.</param>
/// <param name="Resolution">How far the offset may be wrong because messages take time; null if it did not answer.</param>
/// <param name="Uncertainty">What the clock itself claims as its bound; null if it claims none.</param>
/// <param name="Apart">For a skewed clock, how far its interval is from what the majority allows: positive if it is ahead.</param>
public sealed record ComparedClock(
    string Id, string Name, ClockVerdict Verdict, TimeSpan? Offset, TimeSpan? Resolution, TimeSpan? Uncertainty, TimeSpan? Apart);

/// <summary>What a comparison says about a clock.</summary>
public enum ClockVerdict
{
    /// <summary>It can be right, together with the majority.</summary>
    Agrees,

    /// <summary>It claims a bound that cannot be true if the majority's are.</summary>
    Skewed,

    /// <summary>It claims a bound, and there is no majority to compare it with.</summary>
    Undecided,

    /// <summary>It claims no bound, so it cannot be wrong either.</summary>
    NoBound,

    /// <summary>Its process did not answer in time.</summary>
    Silent,
}
