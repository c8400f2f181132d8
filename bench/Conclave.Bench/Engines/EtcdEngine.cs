using Conclave.Etcd;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Bench;

internal sealed class EtcdEngine(EtcdServer server) : Engine("etcd")
{
    public override EtcdServer Server => server;

    protected override string Version => $"{VersionOf(server)} (one member, fsync on)";

    public override string Uri(string space, FaultProxy? through = null) => $"etcd://{server.Host}:{through?.Port ?? server.Port}/{space}";

    public EtcdStore Open(string space, WireCount count)
    {
        var options = EtcdWires.Options(server.Host, server.Port, space);
        return new(options, host => new CountingWire(new GrpcWire(host, options, TimeProvider.System), count));
    }

    public override ValueTask DisposeAsync() => server.DisposeAsync();
}
