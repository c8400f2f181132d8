using System.Collections.Concurrent;
using System.Diagnostics;
using Conclave.Servers;
using Conclave.Testing;

namespace Conclave.Consul.Tests;

/// <summary>The whole kit on real servers, in real time: many cases at a time, because they only wait, each in a namespace of its own.</summary>
public abstract class ConformanceTests(ITestOutputHelper output)
{
    private protected async Task RunAsync(IReadOnlyList<ConsulServer> servers, bool chaos, int parallelism = 24)
    {
        var failures = new StringWriter();
        var times = new ConcurrentQueue<(double Seconds, string Name)>();
        await Parallel.ForEachAsync(ConformanceKit.Cases, new ParallelOptions { MaxDegreeOfParallelism = parallelism }, async (item, cancellation) =>
        {
            var watch = Stopwatch.StartNew();
            var harness = await ConsulHarness.NewAsync(servers);
            var report = await ConformanceKit.RunAsync(
                () => harness, TextWriter.Synchronized(failures), new() { Chaos = chaos, Seed = 7, Filter = c => c == item }, cancellation);
            times.Enqueue((watch.Elapsed.TotalSeconds, $"{item.Name}{(report.Passed ? "" : " FAILED")}"));
        });

        output.WriteLine(string.Join('\n', times.OrderDescending().Select(t => $"{t.Seconds:F1} s  {t.Name}")));
        Assert.Equal(ConformanceKit.Cases.Count, times.Count);
        Assert.True(times.All(t => !t.Name.EndsWith("FAILED", StringComparison.Ordinal)), failures.ToString());
    }
}

/// <summary>With the sessions of ten seconds that Consul has by default, which end after twenty: what takes long here only waits.</summary>
public sealed class OneAgentConformance(ITestOutputHelper output) : ConformanceTests(output)
{
    [Fact]
    public async Task The_kit_passes()
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Default);
        await RunAsync([server], chaos: false);
    }
}

/// <summary>Not at the same time as the cluster: cases give a cold store half a second, which three runs at once do not leave it.</summary>
[Collection("conformance that works")]
public sealed class ChaosConformance(ITestOutputHelper output) : ConformanceTests(output)
{
    [Fact]
    public async Task The_kit_passes_through_chaos()
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Brief);
        await RunAsync([server], chaos: true, parallelism: 16);
    }
}

/// <inheritdoc cref="ChaosConformance"/>
[Collection("conformance that works")]
public sealed class ClusterConformance(ITestOutputHelper output) : ConformanceTests(output)
{
    [Fact]
    public async Task The_kit_passes_on_three_servers()
    {
        await using var cluster = await ConsulCluster.StartAsync(TestServers.Brief);
        await RunAsync(cluster.Servers, chaos: false, parallelism: 12);
    }
}
