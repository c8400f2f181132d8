using Conclave.Consul;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Bench;

internal sealed class ConsulEngine(ConsulServer server) : Engine("consul")
{
    public override ConsulServer Server => server;

    protected override string Version => $"{VersionOf(server)} (one server, raft multiplier 1, 10,000 connections)";

    public override string Uri(string space, FaultProxy? through = null) => $"consul://{server.Host}:{through?.Port ?? server.Port}/{space}";

    public ConsulStore Open(string space, Action<ConsulRequest, ConsulAnswer> onAnswer)
    {
        var options = new ConsulStoreOptions { Agents = [new(server.Host, server.Port)], Namespace = space };
        return new(options, host => new WatchedAgent(new HttpAgent(host, options, TimeProvider.System), onAnswer));
    }

    public override ValueTask DisposeAsync() => server.DisposeAsync();
}
