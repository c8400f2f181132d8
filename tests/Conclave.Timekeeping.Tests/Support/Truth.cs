namespace Conclave.Timekeeping.Tests;

/// <summary>What the time really is: here, that of this machine, which our servers serve and nothing steers meanwhile.</summary>
internal static class Truth
{
    /// <summary>Settings for servers that are near and do not mind.</summary>
    public static NtpClockOptions Fast { get; } = new()
    {
        BurstInterval = TimeSpan.FromMilliseconds(10),
        MinPoll = TimeSpan.FromSeconds(1),
        MaxPoll = TimeSpan.FromSeconds(1),
        Timeout = TimeSpan.FromMilliseconds(300),
    };

    /// <summary>Reads a clock between two looks at the truth.</summary>
    /// <returns>The reading, and the interval that the truth was in.</returns>
    public static (ClockReading Reading, TimeInterval Truth) Look(SynchronizedClock clock)
    {
        while (true)
        {
            var before = TimeProvider.System.GetUtcNow();
            var reading = clock.Read();
            var after = TimeProvider.System.GetUtcNow();
            if (after >= before)
            {
                return (reading, new(before, after));
            }
        }
    }

    /// <summary>Fails if the truth is outside of what a clock claims.</summary>
    public static ClockReading Holds(SynchronizedClock clock)
    {
        var (reading, truth) = Look(clock);
        Assert.True(reading.Interval.Overlaps(truth), $"{reading} claims {reading.Interval}, the truth is in {truth}");
        return reading;
    }

    /// <summary>Looks for a while at a clock whose bound must hold all the time.</summary>
    public static async Task HoldsForAsync(SynchronizedClock clock, TimeSpan span)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(start) < span)
        {
            for (int i = 0; i < 100; i++)
            {
                _ = Holds(clock);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System);
        }
    }

    public static async Task SynchronizedAsync(SynchronizedClock clock) =>
        await Eventually.TrueAsync(() => clock.State == ClockState.Synchronized, () => Describe(clock));

    public static string Describe(SynchronizedClock clock)
    {
        var status = clock.GetStatus();
        return $"{status.Reading}: {status.Explanation}\n" + string.Join('\n', status.Sources.Select(s => $"  {s.Name} {s.Verdict}: {s.Reason} ({s.Offset}, ± {s.Uncertainty}, delay {s.Delay})"));
    }
}
