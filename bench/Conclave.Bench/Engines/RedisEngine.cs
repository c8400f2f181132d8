using Conclave.Redis;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Bench;

internal sealed class RedisEngine(RedisServer server) : Engine("redis")
{
    public override RedisServer Server => server;

    protected override string Version => $"{VersionOf(server)} (nothing on disk)";

    public override string Uri(string space, FaultProxy? through = null) => $"redis://{server.Host}:{through?.Port ?? server.Port}?namespace={space}&trustEmpty=true";

    public RedisStore Open(string space, Action<RedisCommand> onCommand) =>
        new(new RedisStoreOptions { Hosts = [new(server.Host, server.Port)], Namespace = space, TrustEmptyServer = true, OnCommand = onCommand });

    public override ValueTask DisposeAsync() => server.DisposeAsync();
}
