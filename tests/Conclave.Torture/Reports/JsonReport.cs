using System.Text.Json;

namespace Conclave.Torture;

/// <summary>The report for programs.</summary>
internal static class JsonReport
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static string Of(Outcome run, string machine, string date) => JsonSerializer.Serialize(
        new
        {
            run.Settings.Engine,
            Profile = run.Settings.Profile.ToString().ToLowerInvariant(),
            run.Settings.Seed,
            run.Settings.Fences,
            Machine = machine,
            Date = date,
            Seconds = (run.Ended - run.Begun) / 1e9,
            Processes = run.Workers,
            Faults = run.Faults.GroupBy(f => f.Kind).OrderBy(g => g.Key, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count()),
            Grants = run.History.Holds.GroupBy(h => h.Kind).OrderBy(g => g.Key, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count()),
            run.History.Losses,
            run.EarlyEnds,
            Additions = run.History.Additions.GroupBy(a => a.Key.Kind).OrderBy(g => g.Key, StringComparer.Ordinal)
                .ToDictionary(g => g.Key, g => new { Confirmed = g.Sum(a => a.Value.Made), Asked = g.Sum(a => a.Value.Asked) }),
            SharedOwnerships = ClaimOracles.Shared(run.History.Holds),
            run.History.Conflicts,
            StaleTokens = run.Stale,
            run.LostWithoutFence,
            WorstHandOverSeconds = run.WorstHandOver?.Seconds,
            WorstLossSignalMilliseconds = run.History.LossLatencies.Count == 0 ? (double?)null : run.History.LossLatencies.Max(),
            Recoveries = run.Recoveries.Select(r => new { r.Fault, r.Seconds }),
            BoundSeconds = run.Bound.TotalSeconds,
            run.CommitsPerOperation,
            run.WakeUpsPerOperation,
            Violations = run.Violations.Select(v => new { v.Oracle, v.What, AtSeconds = v.Around is { } at ? (at - run.Begun) / 1e9 : (double?)null }),
        },
        Indented) + "\n";
}
