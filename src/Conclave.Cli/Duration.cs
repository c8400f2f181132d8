using System.Globalization;
using System.Text;

namespace Conclave.Cli;

/// <summary>Durations as people write them: <c>500ms</c>, <c>10s</c>, <c>1m30s</c>, <c>2h</c>. A number without a unit is refused, never guessed.</summary>
internal static class Duration
{
    /// <summary>Longer ones do not fit a timer.</summary>
    public static readonly TimeSpan Max = TimeSpan.FromHours(1000);

    private static readonly (string Unit, long Ticks)[] Units =
    [
        ("h", TimeSpan.TicksPerHour), ("m", TimeSpan.TicksPerMinute), ("s", TimeSpan.TicksPerSecond), ("ms", TimeSpan.TicksPerMillisecond),
    ];

    /// <summary>Parses a duration, larger units first, each at most once.</summary>
    /// <param name="option">The option, for messages.</param>
    /// <param name="text">Its value.</param>
    /// <param name="range">The allowed range in words, where it is narrower than more than zero and at most 1000 hours.</param>
    /// <exception cref="CliException">It is no duration, not more than zero, or above 1000 hours.</exception>
    public static TimeSpan Parse(string option, string text, string range = "more than zero and at most 1000h")
    {
        long ticks = 0;
        int lastUnit = -1;
        int at = 0;
        while (at < text.Length)
        {
            int digits = at;
            while (digits < text.Length && char.IsAsciiDigit(text[digits]))
            {
                digits++;
            }

            int end = digits;
            while (end < text.Length && char.IsAsciiLetter(text[end]))
            {
                end++;
            }

            int unit = Array.FindIndex(Units, u => text.AsSpan(digits, end - digits).SequenceEqual(u.Unit));
            if (digits == at || unit <= lastUnit)
            {
                throw Refuse(option, text, "write it like 500ms, 10s, 1m30s or 2h");
            }

            // the limit on digits keeps the product far below an overflow
            if (digits - at > 10 || (ticks += long.Parse(text.AsSpan(at, digits - at), CultureInfo.InvariantCulture) * (Units[unit].Ticks / 10_000)) > Max.Ticks / 10_000)
            {
                throw Refuse(option, text, $"it must be {range}");
            }

            (lastUnit, at) = (unit, end);
        }

        if (text.Length == 0)
        {
            throw Refuse(option, text, "write it like 500ms, 10s, 1m30s or 2h");
        }

        return ticks > 0 ? TimeSpan.FromTicks(ticks * 10_000) : throw Refuse(option, text, $"it must be {range}");
    }

    /// <summary>Writes a duration for people, at most two units: <c>2m10s</c>.</summary>
    public static string Format(TimeSpan duration)
    {
        if (duration < TimeSpan.FromSeconds(1))
        {
            return string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, (int)duration.TotalMilliseconds)}ms");
        }

        var text = new StringBuilder();
        (long Count, string Unit)[] parts = [((long)duration.TotalDays, "d"), (duration.Hours, "h"), (duration.Minutes, "m"), (duration.Seconds, "s")];
        int first = Array.FindIndex(parts, p => p.Count > 0);
        foreach (var (count, unit) in parts.Skip(first).Take(2).Where(p => p.Count > 0))
        {
            text.Append(CultureInfo.InvariantCulture, $"{count}{unit}");
        }

        return text.ToString();
    }

    private static CliException Refuse(string option, string text, string hint) =>
        CliException.Usage($"{option} '{(text.Length > 40 ? text[..40] + "…" : text)}' is refused: {hint}.");
}
