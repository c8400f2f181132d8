using System.Globalization;

namespace Conclave.Bench;

/// <summary>The answer to a question while it is measured: rows, charts, settings. A process answers one question.</summary>
internal static class Report
{
    public static List<ResultRow> Rows { get; } = [];

    public static List<Panel> Panels { get; } = [];

    /// <summary>What a reader must know of how it was measured, one line each.</summary>
    public static List<string> Settings { get; } = [];

    /// <summary>The servers, with their versions.</summary>
    public static SortedSet<string> Servers { get; } = new(StringComparer.Ordinal);

    /// <summary>The few cells that the table of the front page is made of.</summary>
    public static List<Figure> Figures { get; } = [];

    /// <summary>A number that is reached or not, where a factor would say nothing about how far.</summary>
    public static void Row(string what, string got, string target, bool? reached, Spread? ratio = null) => Add(new(what, got, target, reached, null, ratio));

    /// <summary>A number that has no target.</summary>
    public static void Row(string what, string got, Spread? ratio = null) => Add(new(what, got, "–", null, null, ratio));

    /// <summary>A number that should be small.</summary>
    public static void AtMost(string what, string got, double value, double limit, string target, Spread? ratio = null) =>
        Add(new(what, got, target, value <= limit, value <= limit ? null : limit > 0 ? Of($"{value / limit:0.0#} × too much") : null, ratio));

    /// <summary>A number that should be large.</summary>
    public static void AtLeast(string what, string got, double value, double limit, string target, Spread? ratio = null) =>
        Add(new(what, got, target, value >= limit, value >= limit ? null : Of($"{limit / value:0.0#} × short"), ratio));

    public static string Of(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    public static double Median(IEnumerable<double> values) => Percentile(values, 0.5);

    public static double Percentile(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        return sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
    }

    private static void Add(ResultRow row)
    {
        Rows.Add(row);
        Console.WriteLine(row.ToMarkdown());
    }
}
