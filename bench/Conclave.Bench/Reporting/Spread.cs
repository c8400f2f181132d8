using System.Text.Json.Serialization;

namespace Conclave.Bench;

/// <summary>A ratio over the rounds of a run, in which both sides took turns.</summary>
/// <param name="Median">The middle round.</param>
/// <param name="Least">The smallest round.</param>
/// <param name="Most">The largest round.</param>
internal sealed record Spread(double Median, double Least, double Most)
{
    /// <summary>How far beyond the rounds of this run the median of another run may lie: other machines differ more than rounds do.</summary>
    public const double Margin = 1.5;

    [JsonIgnore]
    public double From => Least / Margin;

    [JsonIgnore]
    public double To => Most * Margin;

    /// <summary>Where the median of another run should lie.</summary>
    [JsonIgnore]
    public string Expected => Report.Of($"{Number(From)} – {Number(To)}");

    /// <summary>The rounds, as a reader takes them in beside a median in the same unit.</summary>
    [JsonIgnore]
    public string Rounds => Report.Of($"rounds {Least:0.00}–{Most:0.00}");

    [JsonIgnore]
    public string RoundsPercent => Report.Of($"rounds {Least * 100:0}–{Most * 100:0} %");

    public static Spread Of(IEnumerable<double> rounds)
    {
        double[] all = [.. rounds];
        return new(Report.Median(all), all.Min(), all.Max());
    }

    public static Spread Of(double[] ours, double[] theirs) => Of(ours.Zip(theirs, (our, their) => our / their));

    public bool Holds(double median) => median >= From && median <= To;

    private static string Number(double value) => value >= 100 ? Report.Of($"{value:0}") : value >= 10 ? Report.Of($"{value:0.0}") : Report.Of($"{value:0.00}");
}
