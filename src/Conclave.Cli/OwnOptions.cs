using System.CommandLine;
using Conclave.Ownership;
using Conclave.Storage;

namespace Conclave.Cli;

/// <summary>The options of <c>conclave own</c>.</summary>
internal sealed class OwnOptions
{
    private const string IntervalRange = "from 10ms to 10m";

    // a command runs for longer than a merge, often on a machine that is busy with it: a false loss costs more than a late successor
    private static readonly TimeSpan DefaultRefresh = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan DefaultGrace = TimeSpan.FromSeconds(5);

    private readonly Option<string?> _wait = new("--wait");
    private readonly Option<bool> _try = new("--try");
    private readonly Option<string?> _owner = new("--owner");
    private readonly Option<string?> _prefix = new("--prefix");
    private readonly Option<string?> _refresh = new("--refresh");
    private readonly Option<string?> _acquire = new("--acquire");
    private readonly Option<string?> _onLost = new("--on-lost");
    private readonly Option<string?> _grace = new("--grace");

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_wait, _try, _owner, _prefix, _refresh, _acquire, _onLost, _grace])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Checks them.</summary>
    /// <param name="result">What was parsed.</param>
    /// <param name="global">The options of every command.</param>
    /// <param name="key">The key.</param>
    /// <param name="here">Who we are, unless we are told.</param>
    /// <param name="command">The command line behind the <c>--</c>.</param>
    /// <exception cref="CliException">64: something is wrong.</exception>
    public OwnSettings Check(ParseResult result, GlobalSettings global, string key, string here, string[] command)
    {
        bool tryOnce = result.GetValue(_try);
        string? wait = result.GetValue(_wait);
        if (tryOnce && wait is not null)
        {
            throw CliException.Usage("--wait and --try exclude each other; --try waits for no owner that lives.");
        }

        string owner = result.GetValue(_owner) ?? here;
        string prefix = result.GetValue(_prefix) ?? "cli";
        CheckText("--owner", owner);
        CheckText("--prefix", prefix);
        bool terminates = result.GetValue(_onLost) switch
        {
            null or "ignore" => false,
            "terminate" => true,
            var other => throw CliException.Usage($"--on-lost '{other}' is refused: it must be ignore or terminate."),
        };
        if (!terminates && result.GetValue(_grace) is not null)
        {
            throw CliException.Usage("--grace is for '--on-lost terminate'; otherwise the command goes on.");
        }

        var grace = result.GetValue(_grace) is { } text ? Duration.Parse("--grace", text) : DefaultGrace;
        var defaults = new OwnerOptions();
        var options = new OwnerOptions
        {
            RefreshInterval = Interval("--refresh", result.GetValue(_refresh)) ?? DefaultRefresh,
            AcquireInterval = Interval("--acquire", result.GetValue(_acquire)) ?? defaults.AcquireInterval,
        };
        var longest = tryOnce ? TimeSpan.Zero : wait is null ? Timeout.InfiniteTimeSpan : Duration.Parse("--wait", wait);
        return new(global, key, prefix, owner, longest, tryOnce, options, terminates ? grace : null, command);
    }

    private static TimeSpan? Interval(string option, string? text)
    {
        if (text is null)
        {
            return null;
        }

        var interval = Duration.Parse(option, text, IntervalRange);
        return interval >= TimeSpan.FromMilliseconds(10) && interval <= TimeSpan.FromMinutes(10)
            ? interval
            : throw CliException.Usage($"{option} '{text}' is refused: it must be {IntervalRange}.");
    }

    private static void CheckText(string option, string text)
    {
        try
        {
            _ = StoreNames.Escape(text);
        }
        catch (ArgumentException)
        {
            throw CliException.Usage($"{option} must have 1 to 256 UTF-8 bytes without control characters.");
        }
    }
}
