using Conclave.Servers;
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Etcd.Tests;

/// <summary>The whole kit, against real servers. The cases wait in real time for sessions, so many run side by side, each in a namespace of its own.</summary>
public abstract class ConformanceTests(ITestOutputHelper output)
{
    private protected async Task RunAsync(string version, int size, bool chaos = false)
    {
        await using var cluster = await TestEtcd.StartAsync(version, size);
        var failures = new StringWriter();
        var report = await ConformanceKit.RunAsync(() => new Harness(cluster), failures, new() { Parallelism = 12, Chaos = chaos });
        output.WriteLine($"{report}");
        Assert.True(report.Passed, failures.ToString());
        Assert.Equal(ConformanceKit.Cases.Count, report.Cases);
        Assert.True(!chaos || Enum.GetValues<ChaosFault>().All(f => report.Faults(f) > 0), $"a kind of fault was not met: {report}");
    }

    private sealed class Harness(EtcdCluster cluster) : StoreHarness
    {
        private readonly string _namespace = $"kit-{Guid.NewGuid():n}";
        private int _opened = -1;

        public override bool FollowsClock => false;

        // each store object begins at another member
        protected override IStore Open(TimeProvider time) => cluster.Open(_namespace, o => o with
        {
            TimeProvider = time,
            Endpoints = cluster.HostsFrom(cluster.Servers[Interlocked.Increment(ref _opened) % cluster.Servers.Count]),
        });
    }
}

public sealed class OneNode35Conformance(ITestOutputHelper output) : ConformanceTests(output)
{
    [Fact]
    public Task Every_case_holds_on_one_node_of_3_5() => RunAsync("3.5", 1);
}

public sealed class ChaosConformance(ITestOutputHelper output) : ConformanceTests(output)
{
    [Fact]
    public Task Every_case_holds_through_chaos() => RunAsync("3.5", 1, chaos: true);
}

public sealed class OneNode34Conformance(ITestOutputHelper output) : ConformanceTests(output)
{
    [Fact]
    public Task Every_case_holds_on_one_node_of_3_4() => RunAsync("3.4", 1);
}

public sealed class ThreeNodes35Conformance(ITestOutputHelper output) : ConformanceTests(output)
{
    [Fact]
    public Task Every_case_holds_on_three_nodes_of_3_5() => RunAsync("3.5", 3);
}

public sealed class ThreeNodes34Conformance(ITestOutputHelper output) : ConformanceTests(output)
{
    [Fact]
    public Task Every_case_holds_on_three_nodes_of_3_4() => RunAsync("3.4", 3);
}
