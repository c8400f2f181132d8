using System.Globalization;
using System.Text.Json;

namespace Conclave.Cli.Output;

/// <summary>
/// What we tell beside the data: lines on stderr that start with <c>conclave:</c>, or one JSON document per line. stdout belongs to the
/// data, or to the command.
/// </summary>
/// <param name="quiet">Only errors are told.</param>
/// <param name="json">JSON Lines instead of text.</param>
/// <param name="time">The clock of the events.</param>
internal sealed class Messages(bool quiet, bool json, TimeProvider time)
{
    private const string ClearLine = "\r\u001b[K";

    private readonly StandardStream _stream = StandardStream.Error;
    private readonly Lock _lock = new();
    private bool _hasStatusLine;

    /// <summary>True when a line that changes in place makes sense.</summary>
    public bool IsLive => !quiet && !json && _stream.IsTerminal && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

    public bool IsJson => json;

    /// <summary>True when nobody wants to know how the wait goes.</summary>
    public bool IsSilent => quiet && !json;

    /// <summary>Something to know; not with <c>--quiet</c>.</summary>
    public void Warn(string text) => Tell("warning", text);

    /// <summary>How far something long is; not with <c>--quiet</c>.</summary>
    public void Progress(string text)
    {
        if (IsLive)
        {
            StatusLine(text + " …");
        }
        else
        {
            Tell("progress", text);
        }
    }

    /// <summary>What was done in the end; not with <c>--quiet</c>.</summary>
    public void Done(string text) => Tell("done", text);

    /// <summary>Why it failed; always told.</summary>
    public void Error(string text, int exitCode)
    {
        if (json)
        {
            Event(new() { Event = "error", Message = text, ExitCode = exitCode });
        }
        else
        {
            Line(text);
        }
    }

    /// <summary>The safe time runs low and the command was asked to end.</summary>
    public void Expiring(HeldTool tool, Claim claim, TimeSpan left)
    {
        if (json)
        {
            Event(new() { Event = "expiring", Kind = tool.Kind, Name = claim.Name, Token = claim.Token.Value, SafeSeconds = Math.Round(left.TotalSeconds, 3) });
        }
        else
        {
            string seconds = left.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);
            Line($"{tool.Noun} cannot be renewed, it is safe for {seconds}s more: the command was asked to end (SIGTERM).");
        }
    }

    /// <summary>Writes an event with the time, with <c>--json</c>.</summary>
    public void Event(LockEvent happened)
    {
        if (json)
        {
            _stream.Write(JsonSerializer.Serialize(happened with { Time = time.GetUtcNow().UtcDateTime }, CliJson.Lines.LockEvent) + "\n");
        }
    }

    /// <summary>Shows a line that the next one replaces.</summary>
    public void StatusLine(string text)
    {
        lock (_lock)
        {
            string line = "conclave: " + Printable(text);
            int columns = Math.Max(20, _stream.Columns - 1);
            _stream.Write(ClearLine + (line.Length > columns ? line[..(columns - 1)] + "…" : line));
            _hasStatusLine = true;
        }
    }

    /// <summary>Takes the changing line away.</summary>
    public void ClearStatusLine()
    {
        lock (_lock)
        {
            if (_hasStatusLine)
            {
                _stream.Write(ClearLine);
                _hasStatusLine = false;
            }
        }
    }

    /// <summary>Text of strangers (labels, file names) as one line that cannot command the terminal.</summary>
    public static string Printable(string text) =>
        text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? c is '\n' or '\r' or '\t' ? ' ' : '?' : c)) : text;

    private void Tell(string what, string text)
    {
        if (json)
        {
            Event(new() { Event = what, Message = text });
        }
        else if (!quiet)
        {
            Line(text);
        }
    }

    private void Line(string text)
    {
        ClearStatusLine();
        _stream.Write("conclave: " + Printable(text) + "\n");
    }
}
