using Conclave.Servers;

namespace Conclave.Torture;

/// <summary>One Consul agent, or three servers.</summary>
internal sealed class ConsulArena(int size) : Arena
{
    private ConsulCluster _cluster = null!;

    public override string Name => size > 1 ? "consul-cluster" : "consul";

    protected override TimeSpan Shortest => TimeSpan.FromSeconds(10);

    // an agent allows 200 connections from one address
    public override int MostClients => 60;

    // a new leader begins every session anew
    public override TimeSpan Stretch => TimeToLive * 2;

    public override string Direct => $"consul://{string.Join(',', _cluster.Servers.Select(s => $"{s.Host}:{s.Port}"))}/torture";

    public override async Task StartAsync() => _cluster = await ConsulCluster.StartAsync(size: size);

    public override (string Uri, IReadOnlyList<FaultProxy> Proxies) Way() => Through(_cluster.Servers, hosts => $"consul://{hosts}/torture");

    public override IEnumerable<Fault> Faults(Random random)
    {
        var some = _cluster.Servers[random.Next(size)];
        yield return new("server killed", Some(random, 0.02, 0.2), () => Do(some.Kill), () => some.RestartAsync()) { Exclusive = this };
        yield return Fault.During("server stopped", Some(random, 0.02, 0.5), some.Stop, some.Continue) with { Exclusive = this };
        if (size > 1)
        {
            ConsulServer? leader = null;
            yield return new("leader stopped", Some(random, 0.2, 1), async () => (leader = await _cluster.LeaderAsync()).Stop(), () => Do(() => leader?.Continue())) { Exclusive = this };
        }
    }

    public override ValueTask DisposeAsync() => _cluster?.DisposeAsync() ?? default;

    private static Task Do(Action act)
    {
        act();
        return Task.CompletedTask;
    }
}
