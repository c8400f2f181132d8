using System.Globalization;

namespace Conclave.Torture;

/// <summary>What went to the store so far.</summary>
/// <param name="Commits">Commits.</param>
/// <param name="WakeUps">Waits for hints that ended.</param>
/// <param name="Renewals">Renewals.</param>
/// <param name="Operations">How many operations of users it was for.</param>
internal readonly record struct Cost(long Commits, long WakeUps, long Renewals, long Operations)
{
    public static Cost operator -(Cost now, Cost then) => new(now.Commits - then.Commits, now.WakeUps - then.WakeUps, now.Renewals - then.Renewals, now.Operations - then.Operations);

    public double CommitsPerOperation => Operations == 0 ? 0 : (double)Commits / Operations;

    public double WakeUpsPerOperation => Operations == 0 ? 0 : (double)WakeUps / Operations;
}

/// <summary>While nothing is wrong: what operations cost, and that nobody waits for a timer.</summary>
internal static class CostOracles
{
    // a join, a read after a wake-up, a release, and what the semaphore's queue adds; as many more for a machine that is busy
    private const double MostPerOperation = 8;

    // a renewal comes every third of the time to live; twice as many for early ones
    private const double MostRenewals = 2;

    private const double TenthSeconds = 1;

    // below the five seconds after which a hint that was lost is made good
    private const double LongestSeconds = 4.5;

    private const int Enough = 10;

    // of fewer, the slowest tenth is one or two that met a busy processor
    private const int EnoughForTenths = 30;

    /// <summary>Judges a calm time.</summary>
    /// <param name="cost">What was spent in it.</param>
    /// <param name="seconds">How long it was.</param>
    /// <param name="workers">How many workers there were, each with a session.</param>
    /// <param name="timeToLive">Of a session.</param>
    /// <param name="holds">Every claim so far.</param>
    /// <param name="since">When it began.</param>
    /// <param name="prompt">
    /// How long half of those who wait for something that is free may wait: far above what an engine takes, on a busy machine too, and below what a poll takes.
    /// </param>
    public static IEnumerable<Violation> Check(Cost cost, double seconds, int workers, TimeSpan timeToLive, IReadOnlyList<Hold> holds, long since, TimeSpan prompt)
    {
        if (cost.CommitsPerOperation > MostPerOperation || cost.WakeUpsPerOperation > MostPerOperation)
        {
            yield return new("cost", Text($"{cost.CommitsPerOperation:0.0} commits and {cost.WakeUpsPerOperation:0.0} wake-ups per operation while nothing was wrong, expected at most {MostPerOperation}"));
        }

        double expected = workers * seconds / (timeToLive.TotalSeconds / 3);
        if (cost.Renewals > (expected * MostRenewals) + workers)
        {
            yield return new("cost", Text($"{cost.Renewals} renewals in {seconds:0.0} s while nothing was wrong, expected {expected:0}"));
        }

        foreach (var (what, waits) in new[] { ("lock or a leadership", HandOvers(holds, since)), ("permit", FreePermits(holds, since)) })
        {
            double[] sorted = [.. waits.Order()];
            if (sorted.Length >= Enough && (sorted[sorted.Length / 2] > prompt.TotalSeconds || (sorted.Length >= EnoughForTenths && sorted[sorted.Length * 9 / 10] > TenthSeconds) || sorted[^1] > LongestSeconds))
            {
                yield return new("cost", Text($"of {sorted.Length} who waited for a {what}, half waited {sorted[sorted.Length / 2]:0.00} s or more after it was free, a tenth {sorted[sorted.Length * 9 / 10]:0.00} s, one {sorted[^1]:0.00} s, while nothing was wrong; expected at most {prompt.TotalSeconds}, {TenthSeconds} and {LongestSeconds} s"));
            }
        }
    }

    /// <summary>How many hand-overs there have been since a moment.</summary>
    public static bool HasEnough(IReadOnlyList<Hold> holds, long since) => HandOvers(holds, since).Count() >= Enough || FreePermits(holds, since).Count() >= Enough;

    private static IEnumerable<double> HandOvers(IReadOnlyList<Hold> holds, long since) => ClaimOracles.HandOvers(holds).Where(h => h.From >= since).Select(h => h.Seconds);

    /// <summary>How long there were enough permits for who was next in line, before it had them.</summary>
    private static IEnumerable<double> FreePermits(IReadOnlyList<Hold> holds, long since)
    {
        foreach (var name in holds.Where(h => h.Kind == "semaphore" && h.Granted >= since).GroupBy(h => h.Name))
        {
            // first come, first served: tokens are the order of the line
            var line = name.OrderBy(h => h.Token).ToArray();
            for (int i = 1; i < line.Length; i++)
            {
                var hold = line[i];
                long free = Math.Max(hold.Called, line[i - 1].Granted);
                int used = line[..i].Where(h => h.To > free || !h.HasEnded).Sum(h => h.Weight);
                foreach (var earlier in line[..i].Where(h => h.To > free && h.HasEnded).OrderBy(h => h.To))
                {
                    if (used <= Exercises.Permits - hold.Weight)
                    {
                        break;
                    }

                    (free, used) = (earlier.To, used - earlier.Weight);
                }

                // who did not have to wait says nothing of waiting
                if (free > hold.Called && hold.Granted > free)
                {
                    yield return (hold.Granted - free) / 1e9;
                }
            }
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
