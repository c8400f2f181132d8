namespace Conclave.Torture;

/// <summary>What a run showed.</summary>
internal sealed record Outcome(
    Settings Settings,
    TimeSpan TimeToLive,
    TimeSpan Bound,
    int Workers,
    History History,
    IReadOnlyList<FaultRecord> Faults,
    IReadOnlyList<Violation> Violations,
    IReadOnlyList<HandOver> HandOvers,
    IReadOnlyList<(string Fault, double Seconds)> Recoveries,
    int EarlyEnds,
    int Stale,
    IReadOnlyList<(string Name, long Value, long Writes)> Sums,
    double CommitsPerOperation,
    double WakeUpsPerOperation,
    long Begun,
    long Ended)
{
    public bool IsClean => Violations.Count == 0;

    public HandOver? WorstHandOver => HandOvers.MaxBy(h => h.Seconds);

    /// <summary>How many additions were lost in spite of a lock, where nothing was checked.</summary>
    public long LostWithoutFence => Settings.Fences ? 0 : Sums.Sum(s => s.Writes - s.Value);
}
