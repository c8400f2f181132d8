using System.Diagnostics;
using Conclave.Servers;
using Conclave.Timekeeping;

namespace Conclave.Bench;

/// <summary>Clocks: what a reading costs beside the system's, how fast a hybrid clock ticks, and how far the time is from a real chrony's.</summary>
internal static class TimeBenchmark
{
    private static readonly int Calls = Effort.Of(5_000_000, 200_000);

    private static readonly NtpClockOptions Options = new() { BurstInterval = TimeSpan.FromMilliseconds(50), MinPoll = TimeSpan.FromSeconds(1), MaxPoll = TimeSpan.FromSeconds(1) };

    public static async Task RunAsync(string[] only)
    {
        _ = only;
        await using var server = await ChronyServer.StartAsync();
        Report.Servers.Add(Path.GetFileName(server.Binary.Folder.TrimEnd('/')) is { Length: > 0 } folder && folder.StartsWith("chrony", StringComparison.Ordinal) ? folder.Replace('-', ' ') : server.Binary.Name);
        await using var clock = new NtpClock([$"{server.Host}:{server.Port}"], Options);
        await clock.WaitUntilSynchronizedAsync();
        await ReadAsync(clock);
        await TickAsync(clock);
        await ErrorAsync(clock);
        Report.Settings.Add("a real chrony on this machine serves the system's own clock, so that the truth is known; its client polls once in a second");
    }

    private static async Task ReadAsync(NtpClock clock)
    {
        var provider = clock.ToTimeProvider();
        var results = await Measure.InTurnsAsync(
            () => NanosecondsAsync(() => TimeProvider.System.GetUtcNow().Ticks),
            () => NanosecondsAsync(() => clock.Read().Time.Ticks),
            () => NanosecondsAsync(() => clock.Read().Earliest.Ticks),
            () => NanosecondsAsync(() => provider.GetUtcNow().Ticks));
        double system = Report.Median(results[0]);
        Row("reading the clock", 1);
        Row("its earliest time", 2);
        Row("its time provider", 3);

        // the least of some runs: a thread is charged for its allocations by the page, whoever else made them on it
        long bytes = Enumerable.Range(0, 5).Min(_ => Allocated(clock));
        Report.Row($"time: bytes allocated by {Calls / 1e6:0.#} million readings", Report.Of($"{bytes}"), "0", bytes == 0);

        void Row(string what, int index)
        {
            var ratio = Spread.Of(results[index], results[0]);
            Report.AtMost(
                $"time: {what}, compared with TimeProvider.System.GetUtcNow()",
                Report.Of($"{ratio.Median:0.00} ({Report.Median(results[index]):0.0} ns, {system:0.0} ns; {ratio.Rounds})"), ratio.Median, 2, "≤ 2", ratio);
        }
    }

    private static async Task TickAsync(NtpClock clock)
    {
        var overClock = new HybridClock(clock);
        var overSystem = new HybridClock(TimeProvider.System);
        var results = await Measure.InTurnsAsync(
            () => NanosecondsAsync(() => clock.Read().Time.Ticks),
            () => NanosecondsAsync(() => (long)overClock.Tick().Value),
            () => NanosecondsAsync(() => TimeProvider.System.GetUtcNow().Ticks),
            () => NanosecondsAsync(() => (long)overSystem.Tick().Value));
        Report.Panels.Add(new Bars(
            "What it costs to read a clock",
            "nanoseconds, median",
            ["system", "synchronized", "hybrid tick", "hybrid, system"],
            [("nanoseconds", [Report.Median(results[2]), Report.Median(results[0]), Report.Median(results[1]), Report.Median(results[3])])]));
        Row("readings of the same clock", 0, 1);
        Row("readings of the system's clock", 2, 3);

        void Row(string what, int reads, int ticks)
        {
            var ratio = Spread.Of(results[reads], results[ticks]);
            Report.AtLeast(
                $"time: ticks of a hybrid clock per second, compared with {what}",
                Report.Of($"{ratio.Median:0.00} ({1e3 / Report.Median(results[ticks]):0.0} million ticks; {ratio.Rounds})"), ratio.Median, 0.5, "≥ 0.5", ratio);
        }
    }

    private static async Task ErrorAsync(NtpClock clock)
    {
        var (median, worst, bound, outside) = await ErrorsAsync(clock);
        Report.AtMost(
            "time: median error against chrony on this machine, idle", Report.Of($"{median:0.0} µs (worst {worst:0.0} µs, median bound {bound:0} µs)"), median, 50, "≤ 50 µs");
        Report.Row("time: samples of 10,000 outside of the bound, idle", Report.Of($"{outside}"), "0", outside == 0);

        using var stop = new CancellationTokenSource();
        var spinning = Enumerable.Range(0, Environment.ProcessorCount * 2).Select(_ => Task.Factory.StartNew(() => Spin(stop.Token), TaskCreationOptions.LongRunning)).ToArray();

        // a clock that has seen nothing but the load
        await using var loaded = new NtpClock([clock.GetStatus().Sources[0].Name], Options);
        await loaded.WaitUntilSynchronizedAsync();
        (median, worst, bound, outside) = await ErrorsAsync(loaded);
        await stop.CancelAsync();
        await Task.WhenAll(spinning);
        Report.Row("time: median error against chrony, every processor busy twice over", Report.Of($"{median:0.0} µs (worst {worst:0.0} µs, median bound {bound:0} µs)"));
        Report.Row("time: samples of 10,000 outside of the bound, every processor busy twice over", Report.Of($"{outside}"), "0", outside == 0);
    }

    /// <summary>Looks at the clock between two looks at the truth, which is the system's clock: chrony serves it, and nothing steers it.</summary>
    private static async Task<(double Median, double Worst, double Bound, int Outside)> ErrorsAsync(NtpClock clock)
    {
        int samples = Effort.Of(10_000, 500);
        double[] errors = new double[samples];
        double[] bounds = new double[samples];
        int outside = 0;
        for (int i = 0; i < samples; i++)
        {
            var before = TimeProvider.System.GetUtcNow();
            var reading = clock.Read();
            var after = TimeProvider.System.GetUtcNow();
            errors[i] = Math.Max(0, Math.Max((before - reading.Time).TotalMicroseconds, (reading.Time - after).TotalMicroseconds));
            bounds[i] = reading.Uncertainty?.TotalMicroseconds ?? double.PositiveInfinity;
            outside += reading.Interval.Overlaps(new(before, after)) ? 0 : 1;
            if (i % 20 == 0)
            {
                // over many polls
                await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
            }
        }

        return (Report.Median(errors), errors.Max(), Report.Median(bounds), outside);
    }

    private static long Allocated(NtpClock clock)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        long sum = 0;
        for (int i = 0; i < Calls; i++)
        {
            sum += clock.Read().Latest.Ticks;
        }

        return sum == 0 ? -1 : GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static Task<double> NanosecondsAsync(Func<long> read)
    {
        long sum = 0;
        var watch = Stopwatch.StartNew();
        for (int i = 0; i < Calls; i++)
        {
            sum += read();
        }

        double nanoseconds = watch.Elapsed.TotalNanoseconds / Calls;
        return Task.FromResult(sum == 0 ? double.NaN : nanoseconds);
    }

    private static void Spin(CancellationToken until)
    {
        while (!until.IsCancellationRequested)
        {
            Thread.SpinWait(1000);
        }
    }
}
