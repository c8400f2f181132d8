using Conclave.Testing;

namespace Conclave.Tests.Storage;

/// <summary>The kit, case by case.</summary>
public abstract class ConformanceTests
{
    public static TheoryData<string> Cases => [.. ConformanceKit.Cases.Select(c => c.Name)];

    private protected static async Task RunAsync(string name, StoreHarness harness)
    {
        await using (harness)
        {
            await ConformanceKit.Cases.Single(c => c.Name == name).RunAsync(harness).WaitAsync(TimeSpan.FromMinutes(1));
        }
    }
}

public sealed class MemoryConformance : ConformanceTests
{
    [Theory]
    [MemberData(nameof(Cases))]
    public Task Memory(string name) => RunAsync(name, new MemoryHarness());
}

public sealed class SqliteConformance : ConformanceTests
{
    [Theory]
    [MemberData(nameof(Cases))]
    public Task Sqlite(string name) => RunAsync(name, new SqliteHarness());
}

/// <summary>The kit as one run: through chaos, and in real time.</summary>
public sealed class WholeKitConformance
{
    [Fact]
    public Task Memory_through_chaos() => RunThroughChaosAsync(() => new MemoryHarness());

    [Fact]
    public Task Sqlite_through_chaos() => RunThroughChaosAsync(() => new SqliteHarness());

    /// <summary>What a server's store will meet: its sessions follow no clock that a case could move.</summary>
    [Fact]
    public async Task Claims_in_real_time()
    {
        var output = new StringWriter();
        var options = new ConformanceOptions { Parallelism = 8, Filter = ClaimConformance.Cases.Contains };
        var report = await ConformanceKit.RunAsync(() => new SqliteHarness(realTime: true), output, options, TestContext.Current.CancellationToken);
        TestContext.Current.TestOutputHelper!.Write(output.ToString());

        Assert.True(report.Passed, output.ToString());
    }

    private static async Task RunThroughChaosAsync(Func<StoreHarness> newHarness)
    {
        var output = new StringWriter();
        var report = await ConformanceKit.RunAsync(newHarness, output, new() { Chaos = true, Seed = 7 }, TestContext.Current.CancellationToken);
        TestContext.Current.TestOutputHelper!.Write(output.ToString());

        Assert.True(report.Passed, output.ToString());
        Assert.Equal(ConformanceKit.Cases.Count, report.Cases);
        foreach (var fault in Enum.GetValues<ChaosFault>())
        {
            Assert.True(report.Faults(fault) > 0, $"no {fault} in the run");
        }
    }
}
