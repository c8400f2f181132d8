using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Conclave.Bugs;

/// <summary>The result, as a table of Markdown.</summary>
internal static class Table
{
    public static void Write(IReadOnlyList<Outcome> outcomes, Settings settings, TextWriter output)
    {
        output.WriteLine(settings.InCampaigns ? "| bug | oracle that saw it | what it saw | seconds |" : "| bug | engine | caught by | plain or chaos, seed | seconds |");
        output.WriteLine(settings.InCampaigns ? "|---|---|---|---|" : "|---|---|---|---|---|");
        foreach (var outcome in outcomes)
        {
            string seconds = outcome.Elapsed.TotalSeconds.ToString("F1", CultureInfo.InvariantCulture);
            output.WriteLine(settings.InCampaigns
                ? $"| {outcome.Bug.Name} | {Names(outcome)} | {(outcome.Catches is [var seen, ..] ? Short(seen.Seen) : "")} | {seconds} |"
                : $"| {outcome.Bug.Name} | {outcome.Engine} | {Names(outcome)} | {How(outcome)} | {seconds} |");
        }

        output.WriteLine();
        output.WriteLine($"{outcomes.Count(o => o.IsCaught)} of {outcomes.Count} bugs caught");
    }

    /// <summary>Writes <c>bench/BUGS.md</c>, or <c>docs/torture/bugs.md</c>, where what was not looked for now stays as it was.</summary>
    public static async Task SaveAsync(IReadOnlyList<Outcome> outcomes, Settings settings, CancellationToken cancellationToken)
    {
        string file = Path.Combine(settings.Root, settings.InCampaigns ? "docs/torture/bugs.md" : "bench/BUGS.md");
        using var page = new StringWriter(CultureInfo.InvariantCulture);
        page.WriteLine(settings.InCampaigns ? "# Results of `./bugs --campaign`" : "# Results of `./bugs`");
        page.WriteLine();
        page.WriteLine((settings.InCampaigns
            ? "Every deliberate bug that concerns real processes, and the oracles of `./torture` that told of it. Each was looked for where it should show, and a catch counts only if the same run without the bug is clean. `./bugs --campaign --save NAME` looks for one again."
            : "Every deliberate bug, and the case of the conformance kit that caught it first.") + " `./bugs --list` says what each one does.");
        page.WriteLine();
        string processor = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "" : "";
        page.WriteLine($"- machine: {Environment.ProcessorCount} processors, {processor}, {RuntimeInformation.OSDescription}");
        page.WriteLine($"- runtime: {RuntimeInformation.FrameworkDescription}, Release");
        string date = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        string commit = await CommitAsync(settings, cancellationToken);
        if (settings.InCampaigns)
        {
            page.WriteLine();
            WriteHunts(outcomes, File.Exists(file) ? await File.ReadAllLinesAsync(file, cancellationToken) : [], $"{date}, {commit}", page);
        }
        else
        {
            page.WriteLine($"- date: {date}, commit {commit}");
            page.WriteLine();
            Write(outcomes, settings, page);
        }

        await File.WriteAllTextAsync(file, page.ToString(), cancellationToken);
    }

    private static void WriteHunts(IReadOnlyList<Outcome> outcomes, string[] before, string when, StringWriter page)
    {
        page.WriteLine("| bug | oracle that saw it | what it saw | seconds | `./torture` | date, commit |");
        page.WriteLine("|---|---|---|---|---|---|");
        var (caught, all) = (0, 0);
        foreach (var (name, hunt) in Hunts.All)
        {
            string? row = before.FirstOrDefault(l => l.StartsWith($"| {name} |", StringComparison.Ordinal));
            if (outcomes.FirstOrDefault(o => o.Bug.Name == name) is { } outcome)
            {
                var (seen, seed) = outcome.Catches is [var first, ..] ? (Short(first.Seen), $" --seed {first.Seed}") : ("", "");
                string arguments = string.Join(' ', hunt.Arguments.Select(a => a.Contains(' ', StringComparison.Ordinal) ? $"\"{a}\"" : a));
                row = string.Create(CultureInfo.InvariantCulture, $"| {name} | {Names(outcome)} | {seen} | {outcome.Elapsed.TotalSeconds:F0} | `--engine {outcome.Engine}{seed} {arguments}` | {when} |");
            }

            row ??= $"| {name} | **not looked for yet** | | | | |";
            page.WriteLine(row);
            (caught, all) = (caught + (row.Contains("**", StringComparison.Ordinal) ? 0 : 1), all + 1);
        }

        page.WriteLine();
        page.WriteLine($"{caught} of {all} bugs caught");
        page.WriteLine();
        page.WriteLine("## Those that do not concern real processes");
        page.WriteLine();
        page.WriteLine("The cases of the kit catch them ([BUGS.md](../../bench/BUGS.md)).");
        page.WriteLine();
        page.WriteLine("| why | bugs |");
        page.WriteLine("|---|---|");
        foreach (var same in BugList.All.Where(b => Hunts.Excuse(b) is not null).GroupBy(b => Hunts.Excuse(b)!).OrderByDescending(g => g.Count()))
        {
            page.WriteLine($"| {same.Key} | {string.Join(", ", same.Select(b => b.Name))} |");
        }
    }

    private static string Short(string text) => (text.Length > 160 ? text[..160] + "…" : text).Replace('|', '/');

    /// <summary>One line.</summary>
    public static string Describe(Outcome outcome) =>
        outcome.IsCaught ? $"{Names(outcome)} ({How(outcome)})" : "SURVIVED";

    private static string Names(Outcome outcome) => outcome switch
    {
        { Catches.Count: > 0 } => string.Join(", ", outcome.Catches.Select(c => c.Case).Distinct()),
        { Trouble: { } trouble } => $"no case, but a {trouble.Replace('|', '/')}",
        _ => "**survived**",
    };

    private static string How(Outcome outcome) => outcome.Catches is [var first, ..] ? $"{first.Mode}, {first.Seed}" : "";

    private static async Task<string> CommitAsync(Settings settings, CancellationToken cancellationToken)
    {
        try
        {
            var start = new ProcessStartInfo("git", ["-C", settings.Root, "rev-parse", "--short", "HEAD"]) { RedirectStandardOutput = true, RedirectStandardError = true };
            using var git = Process.Start(start);
            string commit = git is null ? "" : (await git.StandardOutput.ReadToEndAsync(cancellationToken)).Trim();
            return commit.Length > 0 ? commit : "none";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "none";
        }
    }
}
