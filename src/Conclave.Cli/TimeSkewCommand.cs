using System.Text.Json;
using Conclave.Cli.Output;
using Conclave.Timekeeping;

namespace Conclave.Cli;

/// <summary><c>conclave time skew</c>: compares the clocks of all processes that take part.</summary>
internal static class TimeSkewCommand
{
    public static async Task<int> RunAsync(TimeSkewSettings settings, Messages messages)
    {
        var clock = TimeCommands.Open(settings.Time);
        await using (clock.ConfigureAwait(false))
        {
            int result = ExitCode.Success;
            int ended = await Looking.WatchAsync(settings.Time.Global, messages, async (client, time, cancellationToken) =>
            {
                _ = await TimeCommands.SettleAsync(clock, cancellationToken).ConfigureAwait(false);
                var place = await client.Clocks(settings.Group).JoinAsync(clock, cancellationToken: cancellationToken).ConfigureAwait(false);
                await using (place.ConfigureAwait(false))
                {
                    if (settings.Time.Watch)
                    {
                        place.Compared += (_, report) => Write(settings, place, report);
                    }

                    var report = await place.CompareAsync(cancellationToken).ConfigureAwait(false);
                    if (settings.Time.Watch)
                    {
                        await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellationToken).ConfigureAwait(false);
                    }

                    Write(settings, place, report);
                    if (report.Clocks is [_])
                    {
                        messages.Warn($"no other clock is in the group '{settings.Group}'; 'conclave time skew --watch' takes part, on this machine or another.");
                    }

                    bool isDecided = report.HasMajority || !report.Clocks.Any(c => c.Verdict == ClockVerdict.Undecided);
                    result = report.Skewed.Any() || !isDecided ? ExitCode.ClocksDisagree : ExitCode.Success;
                }
            }).ConfigureAwait(false);
            return ended == ExitCode.Success ? result : ended;
        }
    }

    private static void Write(TimeSkewSettings settings, ClockMembership place, ClockReport report)
    {
        bool watches = settings.Time.Watch;
        if (settings.Time.Global.Json)
        {
            var json = watches ? CliJson.Rows.ClockSkewDocument : CliJson.Document.ClockSkewDocument;
            StandardStream.Out.Write(JsonSerializer.Serialize(Document(settings.Group, place, report), json) + "\n");
        }
        else if (watches)
        {
            string skewed = string.Join(", ", report.Skewed.Select(c => $"{c.Name} {Why(c)}"));
            string verdict = skewed.Length > 0 ? "skewed: " + skewed : report.HasMajority ? "no clock is skewed" : "no majority";
            StandardStream.Out.Write(Messages.Printable($"{Describe.When(TimeProvider.System.GetUtcNow(), TimeProvider.System)}  {report.Clocks.Length} clocks  {verdict}") + "\n");
        }
        else
        {
            StandardStream.Out.Write(TimeCommands.Table(
            [
                ["CLOCK", "VERDICT", "OFFSET", "RESOLUTION", "BOUND", "WHY"],
                .. report.Clocks.Select(c => new[]
                {
                    Messages.Printable(c.Name) + (c.Id == place.Id ? " (this)" : ""), Word(c.Verdict), TimeCommands.Span(c.Offset, signed: true), TimeCommands.Span(c.Resolution),
                    TimeCommands.Span(c.Uncertainty), Why(c),
                }),
            ]));
        }
    }

    private static string Why(ComparedClock clock) => clock.Verdict switch
    {
        ClockVerdict.Skewed => $"its interval is {TimeCommands.Span(clock.Apart!.Value.Duration())} {(clock.Apart > TimeSpan.Zero ? "ahead of" : "behind")} what the majority allows",
        ClockVerdict.Undecided => "there is no majority to compare it with",
        ClockVerdict.NoBound => "it claims no bound",
        ClockVerdict.Silent => "its process does not answer",
        _ => "it can be right, together with the majority",
    };

    private static string Word(ClockVerdict verdict) => verdict == ClockVerdict.NoBound ? "no bound" : verdict.ToString().ToLowerInvariant();

    private static ClockSkewDocument Document(string group, ClockMembership place, ClockReport report) => new(
        report.At.UtcDateTime, group, report.HasMajority,
        [.. report.Clocks.Select(c => new ComparedClockDocument(
            c.Id, c.Name, Word(c.Verdict), TimeCommands.Seconds(c.Offset), TimeCommands.Seconds(c.Resolution), TimeCommands.Seconds(c.Uncertainty), TimeCommands.Seconds(c.Apart), c.Id == place.Id))]);
}
