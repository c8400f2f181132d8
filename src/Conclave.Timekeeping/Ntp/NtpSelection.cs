using System.Collections.Immutable;

namespace Conclave.Timekeeping;

/// <summary>What a server claims now: the truth is this offset, give or take this distance.</summary>
/// <param name="Offset">In ticks.</param>
/// <param name="Distance">In ticks.</param>
/// <param name="Jitter">How much its answers differ among themselves, in ticks.</param>
internal readonly record struct NtpClaim(long Offset, long Distance, double Jitter)
{
    public long Low => Offset - Distance;

    public long High => Offset + Distance;
}

/// <summary>
/// Finds the truth among claims of which a minority may be wrong, by accident or on purpose.
/// </summary>
/// <remarks>
/// If at most a minority is wrong, the truth lies where a majority of the intervals overlap. There may be several such places; the result spans all
/// of them, while chrony and RFC 5905 take the deepest one, in which liars may have a part that makes it miss the truth.
/// Sources: Marzullo and Owicki, "Maintaining the Time in a Distributed System" (PODC 1983); RFC 5905, section 11.2.1 (select), 11.2.2
/// (cluster) and 11.2.3 (combine).
/// </remarks>
internal sealed class NtpSelection
{
    private const int FewestSurvivors = 3;

    private NtpSelection(long offset, long low, long high, ImmutableArray<SourceVerdict> verdicts) =>
        (Offset, Low, High, Verdicts) = (offset, low, high, verdicts);

    /// <summary>The best estimate, in ticks; between <see cref="Low"/> and <see cref="High"/>.</summary>
    public long Offset { get; }

    /// <summary>The truth is not below this.</summary>
    public long Low { get; }

    /// <summary>The truth is not above this.</summary>
    public long High { get; }

    /// <summary>What became of each claim, in their order.</summary>
    public ImmutableArray<SourceVerdict> Verdicts { get; }

    /// <summary>Decides.</summary>
    /// <param name="claims">What the servers claim.</param>
    /// <param name="majority">How many must agree.</param>
    /// <returns>Null if nowhere so many agree.</returns>
    public static NtpSelection? Of(IReadOnlyList<NtpClaim> claims, int majority)
    {
        if (Overlap(claims, majority) is not var (low, high))
        {
            return null;
        }

        var verdicts = claims.Select(c => c.Low <= high && low <= c.High ? SourceVerdict.Used : SourceVerdict.Outvoted).ToArray();
        Cluster(claims, verdicts);

        double weights = 0;
        double sum = 0;
        for (int i = 0; i < claims.Count; i++)
        {
            if (verdicts[i] == SourceVerdict.Used)
            {
                double weight = 1.0 / Math.Max(1, claims[i].Distance);
                weights += weight;
                sum += (claims[i].Offset - low) * weight;
            }
        }

        return new(Math.Clamp(low + (long)(sum / weights), low, high), low, high, [.. verdicts]);
    }

    /// <summary>How many of the claims can be true together at most.</summary>
    public static int MostAgreeing(IReadOnlyList<NtpClaim> claims)
    {
        int most = claims.Count;
        while (most > 0 && Overlap(claims, most) is null)
        {
            most--;
        }

        return most;
    }

    /// <summary>The least interval that holds every point at which so many claims overlap.</summary>
    private static (long Low, long High)? Overlap(IReadOnlyList<NtpClaim> claims, int majority)
    {
        // a beginning comes before an end at the same place: claims that touch agree
        var edges = claims.SelectMany(c => new[] { (At: c.Low, Step: 1), (At: c.High, Step: -1) }).OrderBy(e => e.At).ThenByDescending(e => e.Step);
        int depth = 0;
        long? low = null;
        long? high = null;
        foreach (var (at, step) in edges)
        {
            if (step > 0)
            {
                depth++;
                low ??= depth >= majority ? at : null;
            }
            else
            {
                high = depth >= majority ? at : high;
                depth--;
            }
        }

        return low is { } from && high is { } to ? (from, to) : null;
    }

    /// <summary>Leaves out who is farthest from the others, until few are left or they differ no more than each of them does from itself.</summary>
    private static void Cluster(IReadOnlyList<NtpClaim> claims, SourceVerdict[] verdicts)
    {
        while (true)
        {
            int[] used = [.. Enumerable.Range(0, claims.Count).Where(i => verdicts[i] == SourceVerdict.Used)];
            if (used.Length <= FewestSurvivors)
            {
                return;
            }

            double Spread(int i) => Math.Sqrt(used.Sum(j => Math.Pow(claims[i].Offset - claims[j].Offset, 2)) / (used.Length - 1));
            int farthest = used.MaxBy(Spread);
            if (Spread(farthest) <= used.Min(i => claims[i].Jitter))
            {
                return;
            }

            verdicts[farthest] = SourceVerdict.Spare;
        }
    }
}
