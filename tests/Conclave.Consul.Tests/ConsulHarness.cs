using Conclave.Servers;
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Consul.Tests;

/// <summary>A namespace of its own in servers that are shared; each store object begins at another of them.</summary>
internal sealed class ConsulHarness : StoreHarness
{
    private readonly IReadOnlyList<ConsulServer> _servers;
    private readonly string _namespace;
    private int _opened = -1;

    private ConsulHarness(IReadOnlyList<ConsulServer> servers, string name) => (_servers, _namespace) = (servers, name);

    public override bool FollowsClock => false;

    protected override IStore Open(TimeProvider time)
    {
        int first = Interlocked.Increment(ref _opened);
        return new ConsulStore(_servers[0].Options(_namespace) with
        {
            Agents = [.. Enumerable.Range(first, _servers.Count).Select(i => _servers[i % _servers.Count].Address())],
            TimeProvider = time,
        });
    }

    /// <summary>An empty namespace that is there already: some cases give a store half a second for its first claim.</summary>
    public static async Task<ConsulHarness> NewAsync(IReadOnlyList<ConsulServer> servers)
    {
        string name = "kit-" + Guid.NewGuid().ToString("N");
        await using var store = servers[0].Open(name);
        await store.CommitAsync(new());
        return new(servers, name);
    }
}

/// <summary>How the tests start servers.</summary>
internal static class TestServers
{
    // all store objects of the tests come from one address, more than any machine's processes together; the default is 200 connections
    private static readonly string[] ManyConnections = ["-hcl", "limits { http_max_conns_per_client = 4000 }"];

    /// <summary>With sessions of ten seconds.</summary>
    public static ConsulOptions Default { get; } = new() { Arguments = ManyConnections };

    /// <summary>With sessions that are shorter, and long enough for a case to set itself up on a busy machine.</summary>
    public static ConsulOptions Brief { get; } = Default with { SessionTtlMinimum = TimeSpan.FromSeconds(5) };

    /// <summary>With the shortest sessions that the contract knows.</summary>
    public static ConsulOptions Short { get; } = Default with { SessionTtlMinimum = TimeSpan.FromSeconds(2) };
}

/// <summary>How the tests reach the servers.</summary>
internal static class ConsulServerExtensions
{
    public static StoreHost Address(this ConsulServer server) => new(server.Host, server.Port);

    public static ConsulStoreOptions Options(this ConsulServer server, string name) => new()
    {
        Agents = [server.Address()],
        Namespace = name,
        Token = server.Options.ManagementToken,
        MinTimeToLive = server.Options.SessionTtlMinimum,
    };

    public static ConsulStore Open(this ConsulServer server, string name, Func<ConsulStoreOptions, ConsulStoreOptions>? change = null)
    {
        var options = server.Options(name);
        return new(change?.Invoke(options) ?? options);
    }
}
