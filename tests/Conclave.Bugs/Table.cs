using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Conclave.Bugs;

/// <summary>The result, as a table of Markdown.</summary>
internal static class Table
{
    public static void Write(IReadOnlyList<Outcome> outcomes, Settings settings, TextWriter output)
    {
        output.WriteLine($"| bug | engine | caught by | {(settings.InCampaigns ? "seed" : "plain or chaos, seed")} | seconds |");
        output.WriteLine("|---|---|---|---|---|");
        foreach (var outcome in outcomes)
        {
            string seconds = outcome.Elapsed.TotalSeconds.ToString("F1", CultureInfo.InvariantCulture);
            output.WriteLine($"| {outcome.Bug.Name} | {outcome.Engine} | {Names(outcome)} | {(settings.InCampaigns ? outcome.Catches is [var seen, ..] ? $"{seen.Seed}" : "" : How(outcome))} | {seconds} |");
        }

        output.WriteLine();
        output.WriteLine($"{outcomes.Count(o => o.IsCaught)} of {outcomes.Count} bugs caught");
    }

    /// <summary>Writes <c>bench/BUGS.md</c>, or <c>docs/torture/bugs.md</c>.</summary>
    public static async Task SaveAsync(IReadOnlyList<Outcome> outcomes, Settings settings, CancellationToken cancellationToken)
    {
        using var page = new StringWriter(CultureInfo.InvariantCulture);
        page.WriteLine(settings.InCampaigns ? "# Results of `./bugs --campaign`" : "# Results of `./bugs`");
        page.WriteLine();
        page.WriteLine((settings.InCampaigns
            ? "Deliberate bugs, and the oracles of `./torture` that told of them, in runs of 20 s of faults with four processes."
            : "Every deliberate bug, and the case of the conformance kit that caught it first.") + " `./bugs --list` says what each one does.");
        page.WriteLine();
        string processor = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "" : "";
        page.WriteLine($"- machine: {Environment.ProcessorCount} processors, {processor}, {RuntimeInformation.OSDescription}");
        page.WriteLine($"- runtime: {RuntimeInformation.FrameworkDescription}, Release");
        string date = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        page.WriteLine($"- date: {date}, commit {await CommitAsync(settings, cancellationToken)}");
        page.WriteLine();
        Write(outcomes, settings, page);
        await File.WriteAllTextAsync(Path.Combine(settings.Root, settings.InCampaigns ? "docs/torture/bugs.md" : "bench/BUGS.md"), page.ToString(), cancellationToken);
    }

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
