using Conclave.Shared;

namespace Conclave.Redis.Tests;

/// <summary>What every engine with a network goes through, in the same words; see tests/Shared.</summary>
public sealed class NetworkTests
{
    [Theory]
    [InlineData(null)]
    [InlineData(Servers.Direction.ToClient)]
    public async Task A_holder_that_is_cut_off_stops_before_the_next_one_is_let_in(Servers.Direction? lost)
    {
        await using var server = await RedisServer.StartAsync();
        await using var proxy = new Servers.FaultProxy("127.0.0.1", server.Port);
        await NetworkFaults.CutOffAsync(server.Store(change: o => o with { Hosts = [new(proxy.Host, proxy.Port)] }), server.Store(), proxy, lost, TimeSpan.FromSeconds(4));
    }

    [Fact]
    public async Task A_change_while_the_first_subscription_is_on_its_way_wakes()
    {
        await using var server = await RedisServer.StartAsync();
        await using var proxy = new Servers.FaultProxy("127.0.0.1", server.Port);
        await using var waiting = server.Store(change: o => o with { Hosts = [new(proxy.Host, proxy.Port)] });
        await using var direct = server.Store();
        await NetworkFaults.SubscribeLateAsync(waiting, direct, proxy);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_leaves_while_a_connection_is_made_leaves_no_failure_behind(bool isNew)
    {
        await using var server = await RedisServer.StartAsync();
        await using var proxy = new Servers.FaultProxy("127.0.0.1", server.Port);
        await NetworkFaults.LeaveEarlyAsync(() => server.Store(change: o => o with { Hosts = [new(proxy.Host, proxy.Port)] }), proxy, isNew);
    }
}
