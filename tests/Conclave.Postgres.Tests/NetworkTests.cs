using Conclave.Servers;
using Conclave.Shared;

namespace Conclave.Postgres.Tests;

/// <summary>What every engine with a network goes through, in the same words; see tests/Shared.</summary>
public sealed class NetworkTests
{
    [Theory]
    [InlineData(null)]
    [InlineData(Direction.ToClient)]
    public async Task A_holder_that_is_cut_off_stops_before_the_next_one_is_let_in(Direction? lost)
    {
        await using var server = await PostgresServer.StartAsync();
        await using var proxy = new FaultProxy(server);
        await NetworkFaults.CutOffAsync(server.Open("network", o => o with { Hosts = [new(proxy.Host, proxy.Port)] }), server.Open("network"), proxy, lost, TimeSpan.FromSeconds(4));
    }

    [Fact]
    public async Task A_change_while_the_first_subscription_is_on_its_way_wakes()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var proxy = new FaultProxy(server);
        await using var waiting = server.Open("network", o => o with { Hosts = [new(proxy.Host, proxy.Port)] });
        await using var direct = server.Open("network");
        await NetworkFaults.SubscribeLateAsync(waiting, direct, proxy);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_leaves_while_a_connection_is_made_leaves_no_failure_behind(bool isNew)
    {
        await using var server = await PostgresServer.StartAsync();
        await using var proxy = new FaultProxy(server);
        await NetworkFaults.LeaveEarlyAsync(() => server.Open("network", o => o with { Hosts = [new(proxy.Host, proxy.Port)] }), proxy, isNew);
    }
}
