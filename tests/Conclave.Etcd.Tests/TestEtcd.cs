using Conclave.Servers;
using Conclave.Storage;

// more of the kit at once, and the shortest sessions run out on two processors
[assembly: CollectionBehavior(MaxParallelThreads = 3)]

namespace Conclave.Etcd.Tests;

/// <summary>How the tests start servers and reach them.</summary>
internal static class TestEtcd
{
    /// <summary>A cluster that no test kills: without fsync, which on a shared disk costs more than all else.</summary>
    public static Task<EtcdCluster> StartAsync(string version = "3.5", int size = 1, params string[] arguments) =>
        EtcdCluster.StartAsync(new() { Version = version, Fsync = false, Arguments = arguments }, size);

    /// <summary>A cluster that keeps what it has acknowledged when it is killed.</summary>
    public static Task<EtcdCluster> StartDurableAsync() => EtcdCluster.StartAsync(new(), size: 1);

    extension(Server server)
    {
        public StoreHost Address => new(server.Host, server.Port);
    }

    extension(FaultProxy proxy)
    {
        public StoreHost Address => new(proxy.Host, proxy.Port);
    }

    extension(EtcdCluster cluster)
    {
        public StoreHost[] Hosts => [.. cluster.Servers.Select(s => s.Address)];

        public EtcdStore Open(string name = "test", Func<EtcdStoreOptions, EtcdStoreOptions>? change = null)
        {
            var options = new EtcdStoreOptions { Endpoints = cluster.Hosts, Namespace = name };
            return new(change?.Invoke(options) ?? options);
        }

        /// <summary>The members in another order: beginning with one.</summary>
        public StoreHost[] HostsFrom(Server first) => [first.Address, .. cluster.Hosts.Where(h => h != first.Address)];

        public async Task<string> CtlAsync(params string[] arguments) => (await cluster.EtcdctlAsync(arguments)).OutputOfSuccess();
    }
}

/// <summary>Tests that take times, and so run when nothing else does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}

/// <summary>One etcd that the tests of a class share.</summary>
public sealed class OneEtcd() : SharedServer<EtcdCluster>(() => TestEtcd.StartAsync());
