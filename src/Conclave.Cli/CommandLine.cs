using System.CommandLine;
using System.CommandLine.Help;
using System.Text.Unicode;
using Conclave.Cli.Output;
using Conclave.Cli.Processes;
using Conclave.Storage;

namespace Conclave.Cli;

/// <summary>
/// The grammar. Only what is before <c>--</c> is parsed; the command behind it is taken as it is.
/// </summary>
internal sealed partial class CommandLine
{
    private readonly Option<string?> _store = new("--store") { Recursive = true };
    private readonly Option<bool> _json = new("--json") { Recursive = true };
    private readonly Option<bool> _quiet = new("--quiet", "-q") { Recursive = true };
    private readonly Option<bool> _help = new("--help", "-h") { Recursive = true };
    private readonly Option<bool> _version = new("--version");
    private readonly Argument<string?> _name = new("NAME") { Arity = ArgumentArity.ZeroOrOne };
    private readonly HoldOptions _hold = new();
    private readonly OwnOptions _own = new();
    private readonly Dictionary<Command, Entry> _entries = [];
    private readonly HashSet<Command> _takesWords = [];
    private readonly RootCommand _root;
    private readonly string[]? _command;
    private readonly int _dashes;
    private readonly ParseResult _result;

    /// <summary>Parses a command line.</summary>
    public CommandLine(string[] arguments)
    {
        int dashes = _dashes = Array.IndexOf(arguments, "--");
        _command = dashes < 0 ? null : arguments[(dashes + 1)..];
        _root = new() { _store, _json, _quiet, _help, _version };
        foreach (var builtIn in _root.Options.Where(o => o is HelpOption or VersionOption).ToArray())
        {
            _root.Options.Remove(builtIn);
        }

        AddCommands();

        // names may begin with '@', and '-qh' saves nobody time
        var configuration = new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false };
        _result = _root.Parse(dashes < 0 ? arguments : arguments[..dashes], configuration);
        if (dashes >= 0 && _takesWords.Contains(_result.CommandResult.Command))
        {
            // it runs nothing: what is behind the dashes are words of its own, also those that look like options
            _result = _root.Parse(arguments, configuration);
            _command = null;
        }
        Global = new(_result.GetValue(_store), _result.GetValue(_json), _result.GetValue(_quiet));
    }

    /// <summary>The options of every command; usable even where the rest is wrong.</summary>
    public GlobalSettings Global { get; }

    public bool WantsVersion => _result.GetValue(_version);

    /// <summary>The help that was asked for, or null.</summary>
    public string? WantedHelp => !_result.GetValue(_help) || (IsGroup && _result.UnmatchedTokens.Count > 0) ? null : _entries.GetValueOrDefault(_result.CommandResult.Command)?.Help ?? HelpText.Root;

    /// <summary>True when the command only groups others.</summary>
    private bool IsGroup => !_entries.TryGetValue(_result.CommandResult.Command, out var entry) || entry.Run is null;

    /// <summary>Checks what was asked for and does it.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="CliException">64: something is wrong.</exception>
    public Task<int> RunAsync(Messages messages)
    {
        if (_entries.GetValueOrDefault(_result.CommandResult.Command)?.Run is { } run)
        {
            return run(messages);
        }

        ThrowOnErrors();
        throw WhichCommand();
    }

    private void Add(Command parent, Command command, string help, Func<Messages, Task<int>>? run)
    {
        parent.Subcommands.Add(command);
        _entries.Add(command, new(help, run));
    }

    /// <summary>Adds a command whose arguments may look like options, behind <c>--</c>.</summary>
    private void AddWords(Command parent, Command command, string help, Func<Messages, Task<int>> run)
    {
        _takesWords.Add(command);
        Add(parent, command, help, run);
    }

    /// <summary>Adds a command that runs another one.</summary>
    private void AddHold(Command parent, Command command, string help, Func<string, HeldTool> tool, bool mayWait = true)
    {
        command.Arguments.Add(_name);
        _hold.AddTo(command, mayWait);
        Add(parent, command, help, messages => HoldCommand.RunAsync(Hold(tool), messages));
    }

    private HoldSettings Hold(Func<string, HeldTool> tool)
    {
        // what is held is checked first, then whether there is a command
        var (name, command) = NameAndCommand(out string path);
        var held = tool(name);
        return command is { Length: > 0 }
            ? _hold.Check(_result, Global, held, command)
            : throw WhichCommandBehind(path);
    }

    private OwnSettings Own()
    {
        var (key, command) = NameAndCommand(out string path);
        return command is { Length: > 0 } ? _own.Check(_result, Global, key, Here, command) : throw WhichCommandBehind(path);
    }

    /// <summary>What a command takes that runs another one.</summary>
    private (string Name, string[]? Command) NameAndCommand(out string path)
    {
        path = Path(_result.CommandResult.Command);
        string? name = _result.GetValue(_name);
        if (_command is null && _result.UnmatchedTokens is [var first, ..] && !first.StartsWith('-'))
        {
            throw CliException.Usage($"write '--' before the command: conclave {path} {name} -- {string.Join(' ', _result.UnmatchedTokens)}");
        }

        ThrowOnErrors();
        if (name is null)
        {
            throw CliException.Usage($"which {Noun(path)}? Usage: conclave {path} {Word(path)} -- COMMAND [ARGS…]");
        }

        CheckName(name);
        return (name, _command);
    }

    private static CliException WhichCommandBehind(string path) =>
        CliException.Usage($"which command? Write it behind '--': conclave {path} {Word(path)} -- COMMAND [ARGS…]");

    /// <summary>The checked settings of a command that takes a name and runs nothing.</summary>
    private NameSettings Named()
    {
        RunsNothing();
        string path = Path(_result.CommandResult.Command);
        string name = _result.GetValue(_name) ?? throw CliException.Usage($"which {Noun(path)}? Usage: conclave {path} NAME");
        CheckName(name);
        return new(Global, name);
    }

    private void RunsNothing()
    {
        ThrowOnErrors();
        if (_command is not null)
        {
            throw CliException.Usage($"'conclave {Path(_result.CommandResult.Command)}' runs no command; leave the '--' out.");
        }
    }

    /// <summary>Throws for what the grammar does not know.</summary>
    private void ThrowOnErrors()
    {
        if (IsGroup && _result.UnmatchedTokens is [var unknown, ..])
        {
            string path = Path(_result.CommandResult.Command);
            throw CliException.Usage(
                $"there is no {(unknown.StartsWith('-') ? "option" : "command")} '{(path.Length > 0 ? path + " " : "")}{unknown}'. See 'conclave {(path.Length > 0 ? path + " " : "")}--help'.");
        }

        if (_result.Errors is [var error, ..])
        {
            throw IsGroup ? WhichCommand() : CliException.Usage($"{error.Message.TrimEnd('.')}. See 'conclave {Path(_result.CommandResult.Command)} --help'.");
        }
    }

    private CliException WhichCommand()
    {
        var command = _result.CommandResult.Command;
        string path = Path(command);
        return CliException.Usage(command == _root
            ? "which command? 'conclave lock NAME -- COMMAND [ARGS…]' or 'conclave status' for example; see 'conclave --help'."
            : $"which command? {string.Join(" or ", command.Subcommands.Select(c => $"'conclave {path} {c.Name}'"))}; see 'conclave {path} --help'.");
    }

    /// <summary>The words that lead to a command, without the first.</summary>
    private static string Path(Command command) => command is RootCommand ? ""
        : command.Parents.OfType<Command>().FirstOrDefault() is { } parent and not RootCommand ? $"{Path(parent)} {command.Name}" : command.Name;

    private static string Noun(string path) => path switch
    {
        "elect" or "leader show" or "leader watch" => "election",
        "rwlock" => "reader-writer lock",
        "own" => "key",
        _ => path.Split(' ')[0],
    };

    /// <summary>How the help calls the name.</summary>
    private static string Word(string path) => path == "own" ? "KEY" : "NAME";

    private void CheckName(string name)
    {
        ThrowIfOption(name);
        try
        {
            _ = StoreNames.Escape(name);
        }
        catch (ArgumentException e)
        {
            throw CliException.Usage($"the name is refused. {e.Message}");
        }

        ThrowIfNotUtf8(name, "the name");
    }

    /// <summary>What the grammar takes for an argument, because it knows no such option.</summary>
    private void ThrowIfOption(string text)
    {
        if (text.StartsWith("--", StringComparison.Ordinal))
        {
            string path = Path(_result.CommandResult.Command);
            throw CliException.Usage($"there is no option '{text}'. See 'conclave {path} --help'.");
        }
    }

    /// <summary>.NET turns bytes that are not UTF-8 into U+FFFD, which would make one name of different ones.</summary>
    private void ThrowIfNotUtf8(string text, string what)
    {
        if (text.Contains('\uFFFD', StringComparison.Ordinal) && OperatingSystem.IsLinux()
            && !GuardedCommand.RawArguments().TakeWhile(a => _command is null || !a.AsSpan().SequenceEqual("--"u8)).All(a => Utf8.IsValid(a)))
        {
            throw CliException.Usage($"{what} is refused: it must be well-formed UTF-8.");
        }
    }

    /// <param name="Help">What <c>--help</c> prints.</param>
    /// <param name="Run">What it does; null for one that only groups others.</param>
    private sealed record Entry(string Help, Func<Messages, Task<int>>? Run);
}
