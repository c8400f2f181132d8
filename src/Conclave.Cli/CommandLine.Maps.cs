using System.CommandLine;
using System.Globalization;
using Conclave.Cli.Output;

namespace Conclave.Cli;

/// <summary>The commands of maps.</summary>
internal sealed partial class CommandLine
{
    private void AddMap()
    {
        var map = new Command("map");
        Add(_root, map, ToolsHelpText.Map, null);
        AddMap(map, new("get") { _name, _key, _text, _integerKeys }, messages => MapCommands.GetAsync(Map(), Key(), messages));
        AddMap(map, new("set") { _name, _key, _mapValue, _revision, _text, _integerKeys }, messages => MapCommands.SetAsync(Map(), Key(), Value(), Revision(least: 0), messages));
        AddMap(map, new("delete") { _name, _key, _revision, _integerKeys }, messages => MapCommands.DeleteAsync(Map(), Key(), Revision(least: 1), messages));
        AddMap(map, new("list") { _name, _after, _text, _integerKeys }, messages => MapCommands.ListAsync(Map(), After(), messages));
        AddMap(map, new("watch") { _name, _key, _text, _integerKeys }, messages => MapCommands.WatchAsync(Map(), OptionalKey(), messages));
        AddMap(map, new("export") { _name, _after, _integerKeys }, messages => MapTransfer.ExportAsync(Map(), After(), messages));
        AddMap(map, new("import") { _name, _fromLine, _integerKeys }, messages => MapTransfer.ImportAsync(Map(), FromLine(), messages));
    }

    private void AddMap(Command map, Command command, Func<Messages, Task<int>> run) => AddWords(map, command, ToolsHelpText.Map, run);

    private MapSettings Map()
    {
        var named = Named();
        return new(named.Global, named.Name, _result.GetValue(_integerKeys), _result.GetValue(_text));
    }

    private string Key() => OptionalKey() ?? throw CliException.Usage($"which key? Usage: conclave {Path(_result.CommandResult.Command)} NAME KEY");

    private string? OptionalKey() => WellFormed(_result.GetValue(_key), "the key");

    private string? After() => WellFormed(_result.GetValue(_after), "--after");

    private string Value() =>
        WellFormed(_result.GetValue(_mapValue), "the value") ?? throw CliException.Usage("which value? Usage: conclave map set NAME KEY VALUE, with '-' to read it from stdin.");

    private long? Revision(long least) => _result.GetValue(_revision) is not { } text ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long revision) && revision >= least ? revision
        : throw CliException.Usage($"--revision '{text}' is refused: it must be a number{(least == 0 ? ", 0 for a key that must be absent" : " from 1")}.");

    private long FromLine() => _result.GetValue(_fromLine) is { } text ? Number("--from-line", text) : 1;

    private string? WellFormed(string? text, string what)
    {
        if (text is not null)
        {
            ThrowIfNotUtf8(text, what);
        }

        return text;
    }
}
