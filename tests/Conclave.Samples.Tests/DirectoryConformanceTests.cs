using Conclave.Testing;

namespace Conclave.Samples.Tests;

/// <summary>The whole kit against the directory store: plain, and through chaos.</summary>
public sealed class DirectoryConformanceTests
{
    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 7)]
    public async Task The_store_passes_the_kit(bool chaos, int seed)
    {
        var output = new StringWriter();

        var report = await ConformanceKit.RunAsync(
            () => new DirectoryHarness(), output, new() { Chaos = chaos, Seed = seed, Parallelism = 8 }, TestContext.Current.CancellationToken);

        TestContext.Current.TestOutputHelper!.Write(output.ToString());
        Assert.True(report.Passed, output.ToString());
        Assert.Equal(ConformanceKit.Cases.Count, report.Cases);
    }
}
