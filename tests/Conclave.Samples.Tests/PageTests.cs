using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Conclave.Samples.Tests;

/// <summary>The code on the page is the code that is compiled: every block names a file and a region of it, and is equal to it.</summary>
public sealed partial class PageTests
{
    internal static readonly string Root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "../.."));

    [Fact]
    public void Every_code_block_of_the_page_is_a_region_of_the_sample() => Check("docs/write-your-own-store.md", atLeast: 8);

    [Theory]
    [InlineData("lock", 2)]
    [InlineData("multi-lock", 1)]
    [InlineData("reader-writer-lock", 1)]
    [InlineData("semaphore", 1)]
    [InlineData("election", 2)]
    [InlineData("group", 1)]
    [InlineData("barrier", 1)]
    [InlineData("countdown", 1)]
    [InlineData("counter", 1)]
    [InlineData("time", 6)]
    [InlineData("map", 7)]
    public void Every_code_block_of_a_tools_page_is_a_region_of_the_snippets(string tool, int blocks) => Check($"docs/tools/{tool}.md", blocks);

    private static void Check(string path, int atLeast)
    {
        var blocks = Block().Matches(File.ReadAllText(Path.Combine(Root, path)));

        Assert.True(blocks.Count >= atLeast, $"{blocks.Count} code blocks");
        Assert.All(blocks, block =>
        {
            string file = Path.Combine(Root, "samples", block.Groups["file"].Value);
            Assert.True(File.Exists(file), $"the block '{block.Value.Split('\n')[0]}' names a file below samples/");
            Assert.Equal(Region(file, block.Groups["region"].Value), block.Groups["code"].Value);
        });
    }

    private static string Region(string file, string name)
    {
        string[] lines = File.ReadAllLines(file);
        int begin = Array.FindIndex(lines, l => l.Trim() == $"// <{name}>");
        int end = Array.FindIndex(lines, l => l.Trim() == $"// </{name}>");
        Assert.True(begin >= 0 && end > begin, $"{file} has a region {name}");
        int indent = lines[begin].Length - lines[begin].TrimStart().Length;
        return string.Join('\n', lines[(begin + 1)..end].Select(l => l.Length == 0 ? l : l[indent..])) + "\n";
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;

    [GeneratedRegex(@"^```csharp(?: (?<file>\S+)#(?<region>\S+))?\n(?<code>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Block();
}
