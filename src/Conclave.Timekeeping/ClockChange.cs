namespace Conclave.Timekeeping;

/// <summary>A change of a clock that somebody may want to act on.</summary>
/// <param name="Before">The state before.</param>
/// <param name="After">The state now; the same as before if only the time was corrected by a step.</param>
/// <param name="Step">How far the clock's own time was moved in one step because the sources contradicted for long enough what was known; else null.</param>
/// <param name="Explanation">Why, in a sentence.</param>
public sealed record ClockChange(ClockState Before, ClockState After, TimeSpan? Step, string Explanation);
