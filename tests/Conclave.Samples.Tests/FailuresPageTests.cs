using System.Globalization;
using System.Text.RegularExpressions;
using Conclave.Testing;

namespace Conclave.Samples.Tests;

/// <summary>docs/failures.md names its tests: each of them exists, no scenario is missing, and the counts are right.</summary>
public sealed partial class FailuresPageTests
{
    private const int Scenarios = 72;

    /// <summary>What a row may be open for: parts that are not built yet, and programmes that have not run.</summary>
    private static readonly string[] Parts = ["torture", "maps", "ownership", "timekeeping", "scheduling", "tasks", "events", "not built", "not tested"];

    private static readonly string Page = File.ReadAllText(Path.Combine(PageTests.Root, "docs/failures.md"));

    private static readonly Row[] Rows = [.. RowLine().Matches(Page).Select(m => new Row(int.Parse(m.Groups["number"].Value, CultureInfo.InvariantCulture), m.Groups["text"].Value.Split(" | ")))];

    [Fact]
    public void Every_scenario_has_one_row() => Assert.Equal(Enumerable.Range(1, Scenarios), Rows.Select(r => r.Number));

    [Fact]
    public void Every_row_names_what_shows_it_or_says_what_is_missing() => Assert.All(Rows, row =>
    {
        Assert.Equal(3, row.Cells.Length);
        Assert.All(row.Cells, cell => Assert.NotEmpty(cell.Trim()));
        Assert.True(row.Names.Any() || row.IsOpen || row.Shown.StartsWith("does not apply", StringComparison.Ordinal), $"{row.Number} shows nothing: {row.Shown}");
        Assert.All(OpenFor().Matches(row.Shown), m => Assert.Contains(m.Groups["part"].Value, Parts));
    });

    [Fact]
    public void Every_name_is_a_test_a_case_of_the_kit_or_a_deliberate_bug()
    {
        string[] sources = [.. Directory.GetFiles(Path.Combine(PageTests.Root, "tests"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal)).Select(File.ReadAllText)];
        var cases = ConformanceKit.Cases.Select(c => c.Name).ToHashSet();

        Assert.All(Rows.SelectMany(r => r.Names.Select(name => (r.Number, Name: name))), named =>
        {
            bool exists = named.Name.Split('.') switch
            {
                [var type, var method] => sources.Any(s => Regex.IsMatch(s, $@"\bclass {type}\b") && Regex.IsMatch(s, $@"\bpublic (async )?(Task|void) {method}\(")),
                [var name] => cases.Contains(name) || sources.Any(s => s.Contains($"new(\"{name}\", Area.", StringComparison.Ordinal)),
                _ => false,
            };
            Assert.True(exists, $"row {named.Number} names {named.Name}, which is nowhere");
        });
    }

    [Fact]
    public void The_counts_are_those_of_the_rows()
    {
        int open = Rows.Count(r => r.IsOpen && !r.Names.Any());
        int partly = Rows.Count(r => r.IsOpen && r.Names.Any());

        Assert.Contains($"{Scenarios - open - partly} are shown, {partly} are shown in part, and {open} are open.", Page, StringComparison.Ordinal);
    }

    private sealed record Row(int Number, string[] Cells)
    {
        public string Shown => Cells[^1];

        public bool IsOpen => Shown.Contains("**open**", StringComparison.Ordinal);

        public IEnumerable<string> Names => CodeSpan().Matches(Shown).Select(m => m.Groups["name"].Value);
    }

    [GeneratedRegex(@"^\| (?<number>\d+) \| (?<text>.+) \|$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex RowLine();

    [GeneratedRegex("`(?<name>[^`]+)`", RegexOptions.ExplicitCapture)]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"\*\*open\*\*( \((?<part>[^)]*)\))?", RegexOptions.ExplicitCapture)]
    private static partial Regex OpenFor();
}
