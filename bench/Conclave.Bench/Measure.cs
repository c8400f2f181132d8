using System.Diagnostics;

namespace Conclave.Bench;

/// <summary>Rates and times. What is compared takes turns in one run, so that what the machine does meanwhile meets both.</summary>
internal static class Measure
{
    private const int Rounds = 7;

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

    /// <summary>The median time of a call, in milliseconds.</summary>
    public static async Task<double> MedianAsync(Func<Task> call, int calls)
    {
        double[] times = new double[calls];
        for (int i = 0; i < calls; i++)
        {
            long start = TimeProvider.System.GetTimestamp();
            await call();
            times[i] = TimeProvider.System.GetElapsedTime(start).TotalMilliseconds;
        }

        return Report.Median(times);
    }

    /// <summary>Measures each in turns, a round more than is counted.</summary>
    /// <returns>What was measured: by what, then by round.</returns>
    public static async Task<double[][]> InTurnsAsync(params Func<Task<double>>[] measures)
    {
        var results = measures.Select(_ => new double[Rounds]).ToArray();
        for (int round = -1; round < Rounds; round++)
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

    /// <summary>The median of the rounds' ratios.</summary>
    public static double Ratio(double[] ours, double[] theirs) => Report.Median(ours.Zip(theirs, (our, their) => our / their));
}
