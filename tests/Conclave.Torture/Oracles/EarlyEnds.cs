namespace Conclave.Torture;

/// <summary>
/// What an engine is known, and said in its description, to do after a fault of its servers: end the session of somebody who lives. Its claims are then given to
/// others before it can know, and only tokens protect what it writes.
/// </summary>
internal static class EarlyEnds
{
    // who is let in by it comes right after the server's wake-up; the clock of the run and the faults' records are the same
    private const double AfterSeconds = 1;

    /// <summary>
    /// Whether that is what a violation comes from: the earlier holder was told that the store no longer knows its session, while a fault of that kind had just
    /// ended. Everything else stays a violation.
    /// </summary>
    /// <param name="violation">The violation.</param>
    /// <param name="faults">What was done.</param>
    /// <param name="timeToLive">Of a session: who does not hear of its end believes in it no longer than that.</param>
    /// <param name="kinds">The faults after which the engine does it; none for one that never does.</param>
    public static bool Explain(Violation violation, IEnumerable<FaultRecord> faults, TimeSpan timeToLive, IReadOnlyCollection<string> kinds) =>
        violation is { Earlier: { } earlier, Around: { } at } && earlier.Any(h => h.IsForgotten)
        && !((violation.Until - at) / 1e9 > timeToLive.TotalSeconds)
        && faults.Any(f => kinds.Contains(f.Kind) && Begins(f) <= at && (at - f.To) / 1e9 <= AfterSeconds);

    // the servers' defect shows when the fault is over; who ends a session has done so at once
    private static long Begins(FaultRecord fault) => fault.Kind == StoreFaults.EndedByHand ? fault.From : fault.To;
}
