using System.CommandLine;
using System.Globalization;
using Conclave.Cli.Output;

namespace Conclave.Cli;

/// <summary>The commands and what each of them takes.</summary>
internal sealed partial class CommandLine
{
    private readonly Argument<string?> _statusName = new("NAME") { Arity = ArgumentArity.ZeroOrOne };
    private readonly Argument<string?> _checkedStore = new("URI") { Arity = ArgumentArity.ZeroOrOne };
    private readonly Argument<string?> _delta = new("NUMBER") { Arity = ArgumentArity.ZeroOrOne };
    private readonly Argument<string?> _shell = new("SHELL") { Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string?> _value = new("--value");
    private readonly Option<string?> _payload = new("--payload");
    private readonly Option<string?> _permits = new("--permits");
    private readonly Option<string?> _count = new("--count");
    private readonly Option<bool> _read = new("--read");
    private readonly Option<bool> _write = new("--write");
    private readonly Option<string[]> _server = new("--server");
    private readonly Option<string?> _group = new("--group");
    private readonly Option<bool> _watch = new("--watch");

    private readonly Argument<string?> _key = new("KEY") { Arity = ArgumentArity.ZeroOrOne };
    private readonly Argument<string?> _mapValue = new("VALUE") { Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<bool> _integerKeys = new("--integer-keys");
    private readonly Option<bool> _text = new("--text");
    private readonly Option<string?> _revision = new("--revision");
    private readonly Option<string?> _after = new("--after");
    private readonly Option<string?> _fromLine = new("--from-line");

    private void AddCommands()
    {
        AddHold(_root, new("lock"), HelpText.Lock, HeldTool.Lock);
        AddHold(_root, new("elect") { _value }, ToolsHelpText.Elect, name => HeldTool.Leadership(name, Text(_value)));
        AddHold(_root, new("semaphore") { _permits, _count }, ToolsHelpText.Semaphore, Semaphore);
        AddHold(_root, new("rwlock") { _read, _write }, ToolsHelpText.ReaderWriterLock, ReaderWriterLock);
        var own = new Command("own") { _name };
        _own.AddTo(own);
        Add(_root, own, ToolsHelpText.Own, messages => OwnCommand.RunAsync(Own(), messages));
        Add(_root, new("status") { _statusName }, HelpText.Status, messages => StatusCommand.RunAsync(Status(), messages));

        var leader = new Command("leader");
        Add(_root, leader, ToolsHelpText.Leader, null);
        Add(leader, new("show") { _name }, ToolsHelpText.Leader, messages => LeaderCommands.ShowAsync(Named(), messages));
        Add(leader, new("watch") { _name }, ToolsHelpText.Leader, messages => LeaderCommands.WatchAsync(Named(), messages));

        var group = new Command("group");
        Add(_root, group, ToolsHelpText.Group, null);
        AddHold(group, new("join") { _payload }, ToolsHelpText.Group, name => HeldTool.Membership(name, Text(_payload)), mayWait: false);
        Add(group, new("list") { _name }, ToolsHelpText.Group, messages => GroupCommands.ListAsync(Named(), messages));
        Add(group, new("watch") { _name }, ToolsHelpText.Group, messages => GroupCommands.WatchAsync(Named(), messages));

        var counter = new Command("counter");
        Add(_root, counter, ToolsHelpText.Counter, null);
        Add(counter, new("get") { _name }, ToolsHelpText.Counter, messages => CounterCommands.GetAsync(Named(), messages));
        AddWords(counter, new("add") { _name, _delta }, ToolsHelpText.Counter, messages => CounterCommands.AddAsync(Named(), Delta(), messages));

        var time = new Command("time");
        Add(_root, time, TimeHelpText.Time, null);
        Add(time, new("show") { _server, _watch }, TimeHelpText.Show, _ => TimeCommands.ShowAsync(TimeShow()));
        Add(time, new("skew") { _server, _group, _watch }, TimeHelpText.Skew, messages => TimeSkewCommand.RunAsync(TimeSkew(), messages));

        AddMap();

        var store = new Command("store");
        Add(_root, store, HelpText.Store, null);
        Add(store, new("check") { _checkedStore }, HelpText.Store, messages => StoreCheckCommand.RunAsync(StoreCheck(), messages));

        Add(_root, new("completion") { _shell }, ToolsHelpText.Completion, _ => Completion());
    }

    private HeldTool Semaphore(string name)
    {
        int permits = _result.GetValue(_permits) is { } text
            ? Number("--permits", text)
            : throw CliException.Usage("how many permits are there? Usage: conclave semaphore NAME --permits N -- COMMAND [ARGS…]");
        int count = Number("--count", _result.GetValue(_count) ?? "1");
        return count <= permits
            ? HeldTool.Permits(name, permits, count)
            : throw CliException.Usage($"--count '{count}' is refused: there are only {permits} permits.");
    }

    private HeldTool ReaderWriterLock(string name)
    {
        bool write = _result.GetValue(_write);
        return write != _result.GetValue(_read)
            ? HeldTool.ReaderWriter(name, write)
            : throw CliException.Usage("to read or to write? Give one of --read and --write.");
    }

    private StatusSettings Status()
    {
        RunsNothing();
        string? name = _result.GetValue(_statusName);
        if (name is not null)
        {
            CheckName(name);
        }

        return new(Global, name);
    }

    private StoreCheckSettings StoreCheck()
    {
        RunsNothing();
        string? store = _result.GetValue(_checkedStore);
        return store is null || Global.Store is null
            ? new(Global, store)
            : throw CliException.Usage("which store? Give it once: conclave store check URI");
    }

    private TimeSettings TimeShow()
    {
        RunsNothing();
        return new(Global, _result.GetValue(_server) ?? [], _result.GetValue(_watch));
    }

    private TimeSkewSettings TimeSkew()
    {
        string group = _result.GetValue(_group) ?? "all";
        CheckName(group);
        return new(TimeShow(), group);
    }

    private long Delta()
    {
        if (_result.GetValue(_delta) is not { } text)
        {
            return 1;
        }

        if (_dashes < 0)
        {
            ThrowIfOption(text);
        }

        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long delta)
            ? delta
            : throw CliException.Usage($"'{text}' is no number to add; write one like 1 or -5, of up to 64 bits.");
    }

    private Task<int> Completion()
    {
        RunsNothing();
        string shell = _result.GetValue(_shell) ?? throw CliException.Usage("which shell? 'conclave completion bash', 'zsh' or 'fish'.");
        StandardStream.Out.Write(CompletionScript.For(shell, _root) ?? throw CliException.Usage($"there is no completion for '{shell}'; there is for bash, zsh and fish."));
        return Task.FromResult(ExitCode.Success);
    }

    /// <summary>What a member or leader tells about itself: by default where it is.</summary>
    private string Text(Option<string?> option) => _result.GetValue(option) ?? Here;

    /// <summary>This process, as others see it unless they are told otherwise.</summary>
    public static string Here => string.Create(CultureInfo.InvariantCulture, $"{Environment.MachineName}:{Environment.ProcessId}");

    private static int Number(string option, string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= 1
            ? number
            : throw CliException.Usage($"{option} '{text}' is refused: it must be a number from 1 to {int.MaxValue}.");
}
