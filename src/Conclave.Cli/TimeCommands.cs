using System.Globalization;
using System.Text;
using System.Text.Json;
using Conclave.Cli.Output;
using Conclave.Cli.Processes;
using Conclave.Timekeeping;

namespace Conclave.Cli;

/// <summary><c>conclave time show</c>: what time it is, how wrong that may be, and who says so.</summary>
internal static class TimeCommands
{
    // together less than the two seconds that somebody is willing to wait
    private static readonly TimeSpan FirstLook = TimeSpan.FromMilliseconds(700);
    private static readonly TimeSpan LastLook = TimeSpan.FromMilliseconds(1500);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan EachSecond = TimeSpan.FromSeconds(1);

    private static readonly NtpClockOptions Once = new()
    {
        BurstInterval = TimeSpan.FromMilliseconds(200),
        Timeout = TimeSpan.FromMilliseconds(800),
    };

    public static async Task<int> ShowAsync(TimeSettings settings)
    {
        if (settings.Watch)
        {
            return await WatchAsync(settings).ConfigureAwait(false);
        }

        var clock = Open(settings);
        await using (clock.ConfigureAwait(false))
        {
            var status = await SettleAsync(clock).ConfigureAwait(false);
            StandardStream.Out.Write(settings.Global.Json
                ? JsonSerializer.Serialize(Document(status), CliJson.Document.ClockDocument) + "\n"
                : Text(status));
            return status.Reading.IsBounded ? ExitCode.Success : ExitCode.NotAcquired;
        }
    }

    /// <summary>The clock that was asked for.</summary>
    /// <exception cref="CliException">A server is written wrongly.</exception>
    public static SynchronizedClock Open(TimeSettings settings)
    {
        try
        {
            return settings.Servers.Count == 0 ? new LocalClock() : new NtpClock(settings.Servers, settings.Watch ? null : Once);
        }
        catch (ArgumentException e)
        {
            throw CliException.Usage($"--server is refused. {e.Message.Split(" (Parameter", 2)[0]}");
        }
    }

    /// <summary>Waits until every server has said what it has to say, or has had the time for it.</summary>
    public static async Task<ClockStatus> SettleAsync(SynchronizedClock clock, CancellationToken cancellationToken = default)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var status = clock.GetStatus();
            var elapsed = TimeProvider.System.GetElapsedTime(start);
            if (clock is LocalClock || elapsed >= LastLook || (elapsed >= FirstLook && status.Sources.All(s => s.Verdict != SourceVerdict.Waiting)))
            {
                return status;
            }

            await Task.Delay(LookAgain, TimeProvider.System, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>A time in the unit that fits it.</summary>
    public static string Span(TimeSpan? span, bool signed = false)
    {
        if (span is not { } time)
        {
            return "-";
        }

        double seconds = time.TotalSeconds;
        var (value, unit) = Math.Abs(seconds) switch
        {
            >= 1 => (seconds, "s"),
            >= 1e-3 => (seconds * 1e3, "ms"),
            _ => (seconds * 1e6, "µs"),
        };
        string sign = signed && seconds > 0 ? "+" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{sign}{value:0.###} {unit}");
    }

    /// <summary>Rows under their titles, each column as wide as it must be.</summary>
    public static string Table(IReadOnlyList<string[]> rows)
    {
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(i => rows.Max(r => r[i].Length))];
        var text = new StringBuilder();
        foreach (string[] row in rows)
        {
            text.Append(string.Join("  ", row.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd()).Append('\n');
        }

        return text.ToString();
    }

    public static double? Seconds(TimeSpan? span) => span is { } time ? Math.Round(time.TotalSeconds, 7) : null;

    private static async Task<int> WatchAsync(TimeSettings settings)
    {
        using var signals = new SignalRelay();
        var clock = Open(settings);
        await using (clock.ConfigureAwait(false))
        {
            try
            {
                _ = await SettleAsync(clock, signals.Interrupted).ConfigureAwait(false);
                while (true)
                {
                    var status = clock.GetStatus();
                    StandardStream.Out.Write(settings.Global.Json ? JsonSerializer.Serialize(Document(status), CliJson.Rows.ClockDocument) + "\n" : Line(status));
                    await Task.Delay(EachSecond, TimeProvider.System, signals.Interrupted).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException) when (signals.Received != 0)
            {
                return ExitCode.OfSignal(signals.Received);
            }
        }
    }

    private static string Line(ClockStatus status) => Messages.Printable(string.Create(
        CultureInfo.InvariantCulture,
        $"{status.Reading.Time:HH:mm:ss.ffffff}  {Word(status.State),-14}  {Span(status.Offset, signed: true),12}  {(status.Uncertainty is { } bound ? "± " + Span(bound) : "no bound"),-14}  {status.Explanation}")) + "\n";

    private static string Text(ClockStatus status)
    {
        var text = new StringBuilder();
        string bound = status.Uncertainty is { } uncertainty ? $"± {Span(uncertainty)}" : "(no bound is known)";
        Line("time", string.Create(CultureInfo.InvariantCulture, $"{status.Reading.Time:yyyy-MM-dd HH:mm:ss.ffffff} UTC {bound}"));
        Line("state", $"{Word(status.State)}: {status.Explanation}");
        bool isNtp = status.Sources is not [{ Name: "kernel", Address: null }];
        if (isNtp && status.Reading.IsBounded)
        {
            string side = status.Offset >= TimeSpan.Zero ? "behind" : "ahead";
            Line("this machine", $"its clock is {Span(status.Offset.Duration())} {side}");
        }

        if (isNtp)
        {
            text.Append('\n').Append(Table(
            [
                ["SERVER", "VERDICT", "OFFSET", "BOUND", "DELAY", "STRATUM", "WHY"],
                .. status.Sources.Select(s => new[]
                {
                    Messages.Printable(s.Name), Word(s.Verdict), Span(s.Offset, signed: true), Span(s.Uncertainty), Span(s.Delay),
                    s.Stratum?.ToString(CultureInfo.InvariantCulture) ?? "-", Messages.Printable(s.Reason),
                }),
            ]));
        }

        return text.ToString();

        void Line(string what, string value) => text.Append(CultureInfo.InvariantCulture, $"{what,-15} {Messages.Printable(value)}\n");
    }

    private static string Word(Enum value) => value.ToString().ToLowerInvariant();

    private static ClockDocument Document(ClockStatus status)
    {
        var reading = status.Reading;
        return new(
            reading.Time.UtcDateTime, reading.IsBounded ? reading.Earliest.UtcDateTime : null, reading.IsBounded ? reading.Latest.UtcDateTime : null, Word(status.State),
            Seconds(status.Uncertainty), Seconds(status.Offset)!.Value, Seconds(status.Age), status.Explanation,
            [.. status.Sources.Select(s => new ClockSourceDocument(
                s.Name, s.Address, Word(s.Verdict), s.Reason, Seconds(s.Offset), Seconds(s.Uncertainty), Seconds(s.Delay), s.Stratum, Seconds(s.Age)))]);
    }
}
