using Conclave.Servers;

namespace Conclave.Torture;

/// <summary>One etcd, or three.</summary>
internal sealed class EtcdArena(string version, int size) : Arena
{
    private EtcdCluster _cluster = null!;

    public override string Name => size > 1 ? "etcd-cluster" : version == "3.4" ? "etcd-3.4" : "etcd";

    // a new leader begins every lease anew
    public override TimeSpan Stretch => TimeToLive * 2;

    // a leader that was stopped and deposed revokes leases which were renewed at its successor: docs/torture/etcd-leases shows it without Conclave
    public override IReadOnlyList<string> EndsSessionsEarlyAfter => size > 1 ? ["leader stopped", "server stopped"] : [];

    public override string Direct => $"etcd://{string.Join(',', _cluster.Servers.Select(s => $"{s.Host}:{s.Port}"))}/torture";

    public override async Task StartAsync() => _cluster = await EtcdCluster.StartAsync(new() { Version = version, ProxiesPeers = size > 1 }, size);

    public override (string Uri, IReadOnlyList<FaultProxy> Proxies) Way() => Through(_cluster.Servers, hosts => $"etcd://{hosts}/torture");

    public override IEnumerable<Fault> Faults(Random random)
    {
        var some = _cluster.Servers[random.Next(size)];
        yield return new("server killed", Some(random, 0.1, 0.8), () => Do(some.Kill), () => some.RestartAsync()) { Exclusive = this };
        yield return Fault.During("server stopped", Some(random, 0.1, 1.5), some.Stop, some.Continue) with { Exclusive = this };
        yield return new("compaction", TimeSpan.Zero, CompactAsync) { IsHarmless = true };
        if (size == 1)
        {
            yield break;
        }

        EtcdServer? leader = null;
        yield return new("leader killed", Some(random, 0.1, 0.8), async () => (leader = await _cluster.LeaderAsync()).Kill(), () => leader?.RestartAsync() ?? Task.CompletedTask)
        {
            Exclusive = this,
        };
        yield return new("leader stopped", Some(random, 0.5, 2), async () => (leader = await _cluster.LeaderAsync()).Stop(), () => Do(() => leader?.Continue())) { Exclusive = this };
        if (some.Peers is { } peers)
        {
            yield return Fault.During("member hears nothing", Some(random, 0.5, 2), () => peers.Drop(), () => peers.Restore()) with { Exclusive = this };
        }

        yield return new("quorum lost", Some(random, 0.5, 2), () => Do(() => Others(some).ForEach(s => s.Kill())), () => Task.WhenAll(Others(some).Select(s => s.RestartAsync())))
        {
            Exclusive = this,
        };
    }

    public override ValueTask DisposeAsync() => _cluster?.DisposeAsync() ?? default;

    private static Task Do(Action act)
    {
        act();
        return Task.CompletedTask;
    }

    private List<EtcdServer> Others(EtcdServer server) => [.. _cluster.Servers.Where(s => s != server)];

    private async Task CompactAsync()
    {
        // one that is down or stopped cannot be asked: then nothing is compacted
        var status = await _cluster.Servers[0].EtcdctlAsync("endpoint", "status", "--write-out=fields", "--command-timeout=1s");
        string? revision = status.Output.Split('\n').FirstOrDefault(l => l.StartsWith("\"Revision\"", StringComparison.Ordinal))?.Split(':')[1].Trim();
        if (revision is not null)
        {
            _ = await _cluster.Servers[0].EtcdctlAsync("compact", revision, "--command-timeout=1s");
        }
    }
}
