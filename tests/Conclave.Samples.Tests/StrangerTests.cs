namespace Conclave.Samples.Tests;

/// <summary>The trial of the stranger: whoever copies the program from the page learns which line of the contract the store breaks.</summary>
public sealed class StrangerTests
{
    [Theory]
    [InlineData(
        "equal-bytes",
        "APutWithEqualBytesChangesTheRevisionAndKeepsTheCreateRevision failed.",
        "Contract: 1. Every put changes the revision, even with equal bytes. Deleting what is absent changes nothing.",
        "Seen:     a put with equal bytes changes the revision")]
    [InlineData(
        "utf-16",
        "KeysAreOrderedByTheirUtf8Bytes failed.",
        "Contract: 2. A scan is one snapshot, ordered by UTF-8 bytes; over pages an unchanged entry appears exactly once.",
        "Seen:     the order of a scan: expected k/ k/B k/a k/\\u{e9}")]
    public async Task A_planted_bug_is_named_by_its_line_of_the_contract(string bug, string theCase, string contract, string seen)
    {
        using var program = KitProgram.Start(bug);

        string output = await program.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(2));
        await program.WaitForExitAsync();

        Assert.Equal(1, program.ExitCode);
        string[] lines = output.Split('\n', StringSplitOptions.TrimEntries);
        int at = Array.IndexOf(lines, theCase);
        Assert.True(at >= 0, output);
        Assert.Equal(contract, lines[at + 1]);
        Assert.StartsWith(seen, lines[at + 2], StringComparison.Ordinal);
        Assert.Matches(@"^\d+ passed, [1-9]\d* failed in ", lines[^2]);
    }
}
