using Conclave.Testing;
using Conclave.Tests;

namespace Conclave.Bench;

/// <summary>How long the proof takes: a kit that is slow is a kit that nobody runs.</summary>
internal static class KitBenchmark
{
    private static readonly List<(string Name, double Seconds)> Times = [];

    public static async Task RunAsync(string[] only)
    {
        _ = only;
        if (Effort.IsQuick)
        {
            // there is no half of a proof
            await RowAsync("memory", () => new MemoryHarness(), chaos: false, limit: 30);
            return;
        }

        await RowAsync("memory", () => new MemoryHarness(), chaos: false, limit: 30);
        await RowAsync("memory", () => new MemoryHarness(), chaos: true, limit: 60);
        await RowAsync("sqlite", () => new SqliteHarness(), chaos: false, limit: 60);
        await RowAsync("sqlite", () => new SqliteHarness(), chaos: true, limit: 60);
        Report.Panels.Add(new Bars("All cases of the proof kit", "seconds", [.. Times.Select(t => t.Name)], [("seconds", [.. Times.Select(t => t.Seconds)])]));
    }

    private static async Task RowAsync(string engine, Func<StoreHarness> newHarness, bool chaos, int limit)
    {
        long start = TimeProvider.System.GetTimestamp();
        var report = await ConformanceKit.RunAsync(newHarness, Console.Error, new() { Chaos = chaos });
        double seconds = TimeProvider.System.GetElapsedTime(start).TotalSeconds;
        Report.Row(
            $"kit: all cases on {engine}{(chaos ? " through chaos" : "")}",
            Report.Of($"{report.Cases - report.Failures.Count} of {report.Cases} cases in {seconds:0.0} s"),
            Report.Of($"all in ≤ {limit} s"),
            report.Passed && seconds <= limit);
        Times.Add((engine + (chaos ? ", chaos" : ""), seconds));
    }
}
