using System.CommandLine;
using System.Text;
using Conclave.Storage;

namespace Conclave.Cli;

/// <summary>The options of all commands that run another one while holding something.</summary>
internal sealed class HoldOptions
{
    private static readonly TimeSpan DefaultTimeToLive = TimeSpan.FromSeconds(15);

    private readonly Option<string?> _wait = new("--wait");
    private readonly Option<bool> _try = new("--try");
    private readonly Option<string?> _timeToLive = new("--ttl");
    private readonly Option<string?> _grace = new("--grace");
    private readonly Option<string?> _label = new("--label");

    /// <summary>Adds them to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="mayWait">Whether what it holds may have to be waited for.</param>
    public void AddTo(Command command, bool mayWait)
    {
        foreach (var option in (Option[])[.. mayWait ? (Option[])[_wait, _try] : [], _timeToLive, _grace, _label])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Checks them.</summary>
    /// <exception cref="CliException">64: something is wrong.</exception>
    public HoldSettings Check(ParseResult result, GlobalSettings global, HeldTool tool, string[] command)
    {
        bool tryOnce = result.GetValue(_try);
        string? wait = result.GetValue(_wait);
        if (tryOnce && wait is not null)
        {
            throw CliException.Usage("--wait and --try exclude each other; --try is '--wait' for no time at all.");
        }

        var timeToLive = result.GetValue(_timeToLive) is { } ttl ? Duration.Parse("--ttl", ttl, "from 2s to 10m") : DefaultTimeToLive;
        if (timeToLive < StoreLimits.MinTimeToLive || timeToLive > StoreLimits.MaxTimeToLive)
        {
            throw CliException.Usage($"--ttl '{result.GetValue(_timeToLive)}' is refused: it must be from 2s to 10m.");
        }

        var grace = result.GetValue(_grace) is { } text ? Duration.Parse("--grace", text) : timeToLive / 3;
        if (grace >= timeToLive)
        {
            throw CliException.Usage($"--grace '{result.GetValue(_grace)}' is refused: it must be less than --ttl, which is {Duration.Format(timeToLive)}.");
        }

        var longest = tryOnce ? TimeSpan.Zero : wait is null ? Timeout.InfiniteTimeSpan : Duration.Parse("--wait", wait);
        return new(global, tool, longest, tryOnce, timeToLive, grace, Label(result, command[0]), command);
    }

    private string? Label(ParseResult result, string command)
    {
        if (result.GetValue(_label) is not { } label)
        {
            string name = Path.GetFileName(command);
            return IsFit(name) ? name : null;
        }

        return IsFit(label) ? label : throw CliException.Usage("--label must have 1 to 256 UTF-8 bytes without control characters.");
    }

    private static bool IsFit(string label) => label.Length > 0 && !label.Any(char.IsControl) && Encoding.UTF8.GetByteCount(label) <= StoreLimits.MaxNameBytes;
}
