using System.Diagnostics;

namespace Conclave.Bench;

/// <summary>Rates and times. What is compared takes turns in one run, so that what the machine does meanwhile meets both.</summary>
internal static class Measure
{
    public static async Task AcquireAndReleaseAsync(DistributedLock theLock)
    {
        var claim = await theLock.AcquireAsync();
        await claim.DisposeAsync();
    }

    /// <summary>How many calls workers make in a second, side by side.</summary>
    public static async Task<double> RateAsync(Func<int, Task> call, int workers, int each)
    {
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(async () =>
        {
            for (int i = 0; i < each; i++)
            {
                await call(worker);
            }
        })));
        return workers * each / watch.Elapsed.TotalSeconds;
    }

    /// <summary>How long each call takes, in milliseconds.</summary>
    public static async Task<double[]> TimesAsync(Func<Task> call, int calls)
    {
        double[] times = new double[calls];
        for (int i = 0; i < calls; i++)
        {
            long start = TimeProvider.System.GetTimestamp();
            await call();
            times[i] = TimeProvider.System.GetElapsedTime(start).TotalMilliseconds;
        }

        return times;
    }

    /// <summary>The median time of a call, in milliseconds.</summary>
    public static async Task<double> MedianAsync(Func<Task> call, int calls) => Report.Median(await TimesAsync(call, calls));

    /// <summary>Measures each in turns, a round more than is counted.</summary>
    /// <returns>What was measured: by what, then by round.</returns>
    public static Task<double[][]> InTurnsAsync(params Func<Task<double>>[] measures) => InTurnsAsync(Effort.Of(7, 2), measures);

    /// <inheritdoc cref="InTurnsAsync(Func{Task{double}}[])"/>
    public static async Task<double[][]> InTurnsAsync(int rounds, params Func<Task<double>>[] measures)
    {
        double[][] results = [.. measures.Select(_ => new double[rounds])];
        for (int round = -1; round < rounds; round++)
        {
            for (int i = 0; i < measures.Length; i++)
            {
                double result = await measures[i]();
                if (round >= 0)
                {
                    results[i][round] = result;
                }
            }
        }

        return results;
    }
}
