using System.Globalization;

namespace Conclave.Bench;

/// <summary>Rows of the result table: what, how much, what it should be, whether it is.</summary>
internal static class Report
{
    public static void Row(string what, string got, string target, bool? reached) =>
        Console.WriteLine($"| {what} | {got} | {target} | {(reached is null ? "–" : reached.Value ? "reached" : "**not reached**")} |");

    public static string Of(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    public static double Median(IEnumerable<double> values) => Percentile(values, 0.5);

    public static double Percentile(IEnumerable<double> values, double share)
    {
        double[] sorted = [.. values.Order()];
        return sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
    }
}
