using Conclave.Servers;
using Conclave.Shared;

namespace Conclave.Etcd.Tests;

/// <summary>What every engine with a network goes through, in the same words; see tests/Shared.</summary>
public sealed class NetworkTests
{
    [Theory]
    [InlineData(null)]
    [InlineData(Direction.ToClient)]
    public async Task A_holder_that_is_cut_off_stops_before_the_next_one_is_let_in(Direction? lost)
    {
        await using var cluster = await TestEtcd.StartAsync();
        await using var proxy = new FaultProxy(cluster.Servers[0]);
        await NetworkFaults.CutOffAsync(cluster.Open("network", o => o with { Endpoints = [proxy.Address] }), cluster.Open("network"), proxy, lost, TimeSpan.FromSeconds(4));
    }

    [Fact]
    public async Task A_change_while_the_first_subscription_is_on_its_way_wakes()
    {
        await using var cluster = await TestEtcd.StartAsync();
        await using var proxy = new FaultProxy(cluster.Servers[0]);
        await using var waiting = cluster.Open("network", o => o with { Endpoints = [proxy.Address] });
        await using var direct = cluster.Open("network");
        await NetworkFaults.SubscribeLateAsync(waiting, direct, proxy);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_leaves_while_a_connection_is_made_leaves_no_failure_behind(bool isNew)
    {
        await using var cluster = await TestEtcd.StartAsync();
        await using var proxy = new FaultProxy(cluster.Servers[0]);
        await NetworkFaults.LeaveEarlyAsync(() => cluster.Open("network", o => o with { Endpoints = [proxy.Address] }), proxy, isNew);
    }
}
