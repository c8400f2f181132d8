namespace Conclave.Timekeeping;

/// <summary>The last answers of one server, of which the one with the least distance counts: it was disturbed least on its way.</summary>
/// <remarks>Source: the clock filter of RFC 5905, section 10, ordered by distance instead of delay, so that age counts by what it costs.</remarks>
internal sealed class NtpHistory
{
    private const int Length = 8;

    private readonly List<NtpSample> _samples = new(Length);

    public bool IsEmpty => _samples.Count == 0;

    /// <summary>How much the offsets of the samples differ from the best one's, in ticks (root mean square).</summary>
    public double Jitter { get; private set; }

    /// <summary>Adds a sample.</summary>
    /// <returns>How far the server jumped: the sample contradicts what was known, which is forgotten. Null if it does not.</returns>
    public long? Add(in NtpSample sample, double drift)
    {
        long? jump = null;
        if (_samples.Count > 0)
        {
            var best = Best(sample.At, drift);
            long difference = sample.Offset - best.Offset;
            if (Math.Abs(difference) > sample.Distance + best.DistanceAt(sample.At, drift))
            {
                jump = difference;
                _samples.Clear();
            }
        }

        if (_samples.Count == Length)
        {
            _samples.RemoveAt(0);
        }

        _samples.Add(sample);
        var reference = Best(sample.At, drift);
        Jitter = _samples.Count == 1
            ? reference.Delay / 2.0
            : Math.Sqrt(_samples.Sum(s => Math.Pow(s.Offset - reference.Offset, 2)) / (_samples.Count - 1));
        return jump;
    }

    public NtpSample Best(long now, double drift)
    {
        var best = _samples[0];
        foreach (var sample in _samples)
        {
            best = sample.DistanceAt(now, drift) < best.DistanceAt(now, drift) ? sample : best;
        }

        return best;
    }

    public void Clear() => _samples.Clear();
}
