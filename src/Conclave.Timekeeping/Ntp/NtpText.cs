using System.Globalization;

namespace Conclave.Timekeeping;

/// <summary>Words for people.</summary>
internal static class NtpText
{
    /// <summary>A time of so many ticks, in the unit that fits it, with its sign.</summary>
    public static string Span(long ticks)
    {
        double seconds = ticks / (double)TimeSpan.TicksPerSecond;
        return Math.Abs(seconds) switch
        {
            >= 1 => string.Create(CultureInfo.InvariantCulture, $"{seconds:+0.###;-0.###} s"),
            >= 1e-3 => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1e3:+0.###;-0.###} ms"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1e6:+0.#;-0.#;0} µs"),
        };
    }

    public static string Printable(string text) => string.Concat(text.Select(c => c is > ' ' and < (char)127 ? c : '?'));
}
