using Conclave.Servers;
using Conclave.Testing;

namespace Conclave.Redis.Tests;

/// <summary>The whole kit on real servers, in real time: sixteen cases at a time, each in a namespace of its own.</summary>
public abstract class ConformanceTests(RedisFlavor flavor)
{
    // the cases wait most of the time, for sessions of two seconds to die
    private const int AtATime = 16;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_kit_passes(bool chaos)
    {
        await using var server = await RedisServer.StartAsync(flavor);
        var output = new StringWriter();

        var report = await ConformanceKit.RunAsync(
            () => new RedisHarness(server), output, new() { Chaos = chaos, Seed = 7, Parallelism = AtATime }, TestContext.Current.CancellationToken);

        TestContext.Current.TestOutputHelper!.Write(output.ToString());
        Assert.True(report.Passed, output.ToString());
        Assert.Equal(ConformanceKit.Cases.Count, report.Cases);
    }
}

public sealed class RedisConformanceTests() : ConformanceTests(RedisFlavor.Redis7);

public sealed class ValkeyConformanceTests() : ConformanceTests(RedisFlavor.Valkey8);
