using System.Globalization;
using System.Text;

namespace Conclave.Torture;

/// <summary>The report for people, in Markdown.</summary>
internal static class TextReport
{
    public static string Of(Outcome run, string machine, string date, string? picture)
    {
        var text = new StringBuilder();
        var history = run.History;
        Line($"# Torture: {run.Settings.Engine}, {run.Settings.Profile.ToString().ToLowerInvariant()}");
        Line();
        Line($"`{run.Settings.Command}`, {date}, {machine}");
        Line();
        Line(run.IsClean ? "**Nothing wrong was found.**" : $"**{run.Violations.Count} violations.**");
        Line();
        Line("| what | |");
        Line("|---|---|");
        Row("time", $"{(run.Ended - run.Begun) / 1e9:0} s");
        Row("processes", $"{run.Workers}, {run.Settings.Workers} at a time; time to live {run.TimeToLive.TotalSeconds:0.#} s");
        Row("faults", $"{run.Faults.Count}");
        Row("claims granted", string.Join(", ", history.Holds.GroupBy(h => h.Kind).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => $"{g.Key} {g.Count()}")));
        Row("claims lost by their holders' own word", $"{history.Losses}");
        if (run.EarlyEnds > 0)
        {
            Row("claims that overlapped because the engine ended a living session early (known, and told in its description); the resource refuses old tokens", $"{run.EarlyEnds}");
        }

        foreach (var kind in history.Additions.GroupBy(a => a.Key.Kind).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            string where = kind.Key switch { "counter" => "to the counter", "map" => "to entries of a map", _ => "by comparing and setting, as owner" };
            Row($"additions {where}", $"{kind.Sum(a => a.Value.Made)} confirmed of {kind.Sum(a => a.Value.Asked)}");
        }

        Row("ownerships that began while another was believed (allowed), conflicts that the comparison decided", $"{ClaimOracles.Shared(history.Holds)}, {history.Conflicts}");
        Row(run.Settings.Fences ? "writes with an old token, refused by the resource" : "writes and reads with an old token, accepted since nothing was checked", $"{run.Stale}");
        if (!run.Settings.Fences)
        {
            Row("additions under a lock that were lost, since nothing was checked", $"{run.LostWithoutFence}");
        }

        Row("worst hand-over while somebody waited", run.WorstHandOver is { } worst ? $"{worst.Seconds:0.00} s ({worst.Kind} '{worst.Name}'), median {Median(run.HandOvers.Select(h => h.Seconds)) * 1000:0.0} ms of {run.HandOvers.Count}" : "none");
        Row("from a loss to its signal", history.LossLatencies.Count == 0 ? "no loss was signalled" : $"at most {history.LossLatencies.Max():0} ms, median {Median(history.LossLatencies):0} ms of {history.LossLatencies.Count}");
        Row("everybody goes on after a fault", run.Recoveries.Count == 0 ? "-" : $"at most {run.Recoveries.Max(r => r.Seconds):0.0} s ({run.Recoveries.MaxBy(r => r.Seconds).Fault}), median {Median(run.Recoveries.Select(r => r.Seconds)):0.0} s of {run.Recoveries.Count}; bound {run.Bound.TotalSeconds:0} s");
        Row("commits, wake-ups per operation while nothing is wrong", $"{run.CommitsPerOperation:0.0}, {run.WakeUpsPerOperation:0.0}");
        Line();
        Line("| fault | times |");
        Line("|---|---|");
        foreach (var kind in run.Faults.GroupBy(f => f.Kind).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            Row(kind.Key, $"{kind.Count()}");
        }

        if (!run.IsClean)
        {
            Line();
            Line("## Violations");
            Line();
            foreach (var violation in run.Violations)
            {
                Line($"- {violation.Oracle}: {violation.What}{(violation.Around is { } at ? $" (at {(at - run.Begun) / 1e9:0.000} s)" : "")}");
            }
        }

        if (picture is not null)
        {
            Line();
            Line($"![{(run.IsClean ? "the worst hand-over" : "the first violation")}]({picture})");
        }

        return text.ToString();

        void Line(string line = "") => text.Append(line).Append('\n');
        void Row(string what, string value) => Line($"| {what} | {value} |");
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? 0 : sorted[sorted.Length / 2];
    }
}
