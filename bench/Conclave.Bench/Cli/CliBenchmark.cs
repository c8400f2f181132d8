using System.Diagnostics;

namespace Conclave.Bench;

/// <summary>A whole `conclave lock x --try -- true` from cold, for each way of building the command, taking turns with a bare `sh -c true`.</summary>
internal static class CliBenchmark
{
    private static int Runs => Effort.Of(15, 2);

    public static Task RunAsync(string[] variants)
    {
        using var folder = new TemporaryFolder();
        string store = "sqlite:" + folder.File("cli.db");
        var commands = variants.Select(v => v.Split('=', 2)).ToDictionary(v => v[0], v => v[1]);
        var times = commands.Keys.ToDictionary(k => k, _ => new List<double>());
        var floor = new List<double>();
        for (int run = 0; run <= Runs; run++)
        {
            double bare = Time("sh", ["-c", "true"]);
            foreach (var (name, path) in commands)
            {
                double time = Time(path, ["lock", "x", "--try", "--store", store, "--", "true"]);
                if (run > 0)
                {
                    times[name].Add(time);
                }
            }

            if (run > 0)
            {
                floor.Add(bare);
            }
        }

        double first = Report.Median(times.Values.First());
        foreach (var (name, list) in times)
        {
            double median = Report.Median(list);
            var ratio = Spread.Of([.. list], [.. times.Values.First()]) with { Median = median / first };
            Report.Row($"cli: `conclave lock x --try -- true` from cold, {name}", Report.Of($"{median:0} ms ({ratio.Median:0.00} × as built)"), "as small as it gets", null, ratio);
        }

        Report.Row("cli: `sh -c true`, for comparison", Report.Of($"{Report.Median(floor):0.0} ms"));
        Report.Panels.Add(new Bars(
            "`conclave lock x --try -- true` from cold",
            "milliseconds, median",
            [.. times.Keys, "sh -c true"],
            [("milliseconds", [.. times.Values.Select(Report.Median), Report.Median(floor)])]));
        return Task.CompletedTask;
    }

    private static double Time(string path, string[] arguments)
    {
        var watch = Stopwatch.StartNew();
        using var process = Process.Start(new ProcessStartInfo(path, arguments))!;
        process.WaitForExit();
        return process.ExitCode == 0
            ? watch.Elapsed.TotalMilliseconds
            : throw new InvalidOperationException($"{path} ended with {process.ExitCode}.");
    }
}
