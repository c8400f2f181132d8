namespace Conclave.Bench;

/// <summary>Where a value stands on an axis: from 0 to 1, evenly or by powers of ten.</summary>
internal sealed class Scale
{
    private readonly double _least;
    private readonly double _most;
    private readonly bool _isLog;

    private Scale(double least, double most, bool isLog, double[] marks) => (_least, _most, _isLog, Marks) = (least, most, isLog, marks);

    /// <summary>The values that the axis names.</summary>
    public double[] Marks { get; }

    public static Scale For(IEnumerable<double> values, bool isLog)
    {
        double[] all = [.. values.Where(v => !isLog || v > 0).DefaultIfEmpty(1)];
        if (isLog)
        {
            int from = (int)Math.Floor(Math.Log10(all.Min()) + 1e-9);
            int to = Math.Max(from + 1, (int)Math.Ceiling(Math.Log10(all.Max()) - 1e-9));
            return new(Math.Pow(10, from), Math.Pow(10, to), true, [.. Enumerable.Range(from, to - from + 1).Select(p => Math.Pow(10, p))]);
        }

        double most = Math.Max(all.Max(), 1e-9);
        double power = Math.Pow(10, Math.Floor(Math.Log10(most)));
        double step = (most / power) switch { <= 1.5 => power / 4, <= 3 => power / 2, <= 7 => power, _ => power * 2 };
        double end = Math.Ceiling((most / step) - 1e-9) * step;
        return new(0, end, false, [.. Enumerable.Range(0, (int)Math.Round(end / step) + 1).Select(i => i * step)]);
    }

    public double At(double value) => _isLog
        ? (Math.Log10(Math.Clamp(value, _least, _most)) - Math.Log10(_least)) / (Math.Log10(_most) - Math.Log10(_least))
        : Math.Clamp((value - _least) / (_most - _least), 0, 1);

    public static string Name(double value) => value switch
    {
        0 => "0",
        >= 1e6 => Report.Of($"{value / 1e6:0.###} M"),
        >= 1e4 => Report.Of($"{value / 1e3:0.#} k"),
        >= 100 => Report.Of($"{value:#,0}"),
        >= 10 => Report.Of($"{value:0.#}"),
        >= 1 => Report.Of($"{value:0.##}"),
        >= 0.1 => Report.Of($"{value:0.###}"),
        >= 0.01 => Report.Of($"{value:0.####}"),
        _ => Report.Of($"{value:0.#####}"),
    };
}
