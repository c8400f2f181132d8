using System.CommandLine;
using System.CommandLine.Help;
using System.Text;
using System.Text.Unicode;
using Conclave.Cli.Processes;
using Conclave.Storage;

namespace Conclave.Cli;

/// <summary>
/// The grammar. Only what is before <c>--</c> is parsed; the command behind it is taken as it is.
/// </summary>
internal sealed class CommandLine
{
    private static readonly TimeSpan DefaultTimeToLive = TimeSpan.FromSeconds(15);

    private readonly Option<string?> _store = new("--store") { Recursive = true };
    private readonly Option<bool> _json = new("--json") { Recursive = true };
    private readonly Option<bool> _quiet = new("--quiet", "-q") { Recursive = true };
    private readonly Option<bool> _help = new("--help", "-h") { Recursive = true };
    private readonly Option<bool> _version = new("--version");
    private readonly Option<string?> _wait = new("--wait");
    private readonly Option<bool> _try = new("--try");
    private readonly Option<string?> _timeToLive = new("--ttl");
    private readonly Option<string?> _grace = new("--grace");
    private readonly Option<string?> _label = new("--label");
    private readonly Argument<string?> _lockName = new("NAME") { Arity = ArgumentArity.ZeroOrOne };
    private readonly Argument<string?> _statusName = new("NAME") { Arity = ArgumentArity.ZeroOrOne };
    private readonly Command _lock;
    private readonly Command _status;
    private readonly string[]? _command;
    private readonly ParseResult _result;

    /// <summary>Parses a command line.</summary>
    public CommandLine(string[] arguments)
    {
        int dashes = Array.IndexOf(arguments, "--");
        _command = dashes < 0 ? null : arguments[(dashes + 1)..];
        _lock = new("lock") { _lockName, _wait, _try, _timeToLive, _grace, _label };
        _status = new("status") { _statusName };
        var root = new RootCommand { _lock, _status, _store, _json, _quiet, _help, _version };
        foreach (var builtIn in root.Options.Where(o => o is HelpOption or VersionOption).ToArray())
        {
            root.Options.Remove(builtIn);
        }

        // names may begin with '@', and '-qh' saves nobody time
        var configuration = new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false };
        _result = root.Parse(dashes < 0 ? arguments : arguments[..dashes], configuration);
        Global = new(_result.GetValue(_store), _result.GetValue(_json), _result.GetValue(_quiet));
    }

    /// <summary>The options of every command; usable even where the rest is wrong.</summary>
    public GlobalSettings Global { get; }

    public bool WantsVersion => _result.GetValue(_version);

    /// <summary>The help that was asked for, or null.</summary>
    public string? WantedHelp => !_result.GetValue(_help) ? null : IsLock ? HelpText.Lock : IsStatus ? HelpText.Status : HelpText.Root;

    public bool IsLock => _result.CommandResult.Command == _lock;

    public bool IsStatus => _result.CommandResult.Command == _status;

    /// <summary>The checked settings of <c>lock</c>.</summary>
    /// <exception cref="CliException">64: something is wrong.</exception>
    public LockSettings Lock()
    {
        string? name = _result.GetValue(_lockName);
        if (_command is null && _result.UnmatchedTokens is [var first, ..] && !first.StartsWith('-'))
        {
            throw CliException.Usage($"write '--' before the command: conclave lock {name} -- {string.Join(' ', _result.UnmatchedTokens)}");
        }

        ThrowOnErrors();
        if (name is null)
        {
            throw CliException.Usage("which lock? Usage: conclave lock NAME -- COMMAND [ARGS…]");
        }

        CheckName(name);
        if (_command is not { Length: > 0 } command)
        {
            throw CliException.Usage("which command? Write it behind '--': conclave lock NAME -- COMMAND [ARGS…]");
        }

        bool tryOnce = _result.GetValue(_try);
        string? wait = _result.GetValue(_wait);
        if (tryOnce && wait is not null)
        {
            throw CliException.Usage("--wait and --try exclude each other; --try is '--wait' for no time at all.");
        }

        var timeToLive = _result.GetValue(_timeToLive) is { } ttl ? Duration.Parse("--ttl", ttl, "from 2s to 10m") : DefaultTimeToLive;
        if (timeToLive < StoreLimits.MinTimeToLive || timeToLive > StoreLimits.MaxTimeToLive)
        {
            throw CliException.Usage($"--ttl '{_result.GetValue(_timeToLive)}' is refused: it must be from 2s to 10m.");
        }

        var grace = _result.GetValue(_grace) is { } text ? Duration.Parse("--grace", text) : timeToLive / 3;
        if (grace >= timeToLive)
        {
            throw CliException.Usage($"--grace '{_result.GetValue(_grace)}' is refused: it must be less than --ttl, which is {Duration.Format(timeToLive)}.");
        }

        var longest = tryOnce ? TimeSpan.Zero : wait is null ? Timeout.InfiniteTimeSpan : Duration.Parse("--wait", wait);
        return new(Global, name, longest, tryOnce, timeToLive, grace, Label(command[0]), command);
    }

    /// <summary>The checked settings of <c>status</c>.</summary>
    /// <exception cref="CliException">64: something is wrong.</exception>
    public StatusSettings Status()
    {
        ThrowOnErrors();
        if (_command is not null)
        {
            throw CliException.Usage("'conclave status' runs no command; leave the '--' out.");
        }

        string? name = _result.GetValue(_statusName);
        if (name is not null)
        {
            CheckName(name);
        }

        return new(Global, name);
    }

    /// <summary>Throws for what the grammar does not know.</summary>
    public void ThrowOnErrors()
    {
        if (!IsLock && !IsStatus && _result.UnmatchedTokens is [var unknown, ..])
        {
            throw CliException.Usage($"there is no {(unknown.StartsWith('-') ? "option" : "command")} '{unknown}'. See 'conclave --help'.");
        }

        if (_result.Errors is [var error, ..])
        {
            throw CliException.Usage(!IsLock && !IsStatus
                ? "which command? 'conclave lock NAME -- COMMAND [ARGS…]' or 'conclave status'; see 'conclave --help'."
                : $"{error.Message.TrimEnd('.')}. See 'conclave {_result.CommandResult.Command.Name} --help'.");
        }
    }

    private string? Label(string command)
    {
        if (_result.GetValue(_label) is not { } label)
        {
            string name = Path.GetFileName(command);
            return IsFit(name) ? name : null;
        }

        return IsFit(label) ? label : throw CliException.Usage("--label must have 1 to 256 UTF-8 bytes without control characters.");
    }

    private static bool IsFit(string label) => label.Length > 0 && !label.Any(char.IsControl) && Encoding.UTF8.GetByteCount(label) <= StoreLimits.MaxNameBytes;

    private static void CheckName(string name)
    {
        try
        {
            _ = StoreNames.Escape(name);
        }
        catch (ArgumentException e)
        {
            throw CliException.Usage($"the lock's name is refused. {e.Message}");
        }

        // .NET turns bytes that are not UTF-8 into U+FFFD, which would make one lock of different names
        if (name.Contains('\uFFFD', StringComparison.Ordinal) && OperatingSystem.IsLinux()
            && !GuardedCommand.RawArguments().TakeWhile(a => !a.AsSpan().SequenceEqual("--"u8)).All(a => Utf8.IsValid(a)))
        {
            throw CliException.Usage("the lock's name is refused. A name must be well-formed UTF-8.");
        }
    }
}
