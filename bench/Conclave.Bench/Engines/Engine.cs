using System.Text.RegularExpressions;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>An engine with a server of its own, if it has one, for as long as it is measured.</summary>
internal abstract partial class Engine(string name) : IAsyncDisposable
{
    /// <summary>Those that several processes can meet on.</summary>
    public static readonly string[] All = ["sqlite", "etcd", "consul", "redis", "postgres"];

    public string Name => name;

    /// <summary>Its server; null without one.</summary>
    public virtual Server? Server => null;

    public static async Task<Engine> StartAsync(string name)
    {
        Engine engine = name switch
        {
            "sqlite" => new SqliteEngine(),
            "etcd" => new EtcdEngine(await EtcdServer.StartAsync()),
            // 200 connections of one address are its default, and all clients are on this machine
            "consul" => new ConsulEngine(await ConsulServer.StartAsync(new() { Arguments = ["-hcl", "limits { http_max_conns_per_client = 10000 }"] })),
            "redis" => new RedisEngine(await RedisServer.StartAsync()),
            "postgres" => new PostgresEngine(await PostgresServer.StartAsync(new()
            {
                Fsync = true,
                Settings = new Dictionary<string, string> { ["max_connections"] = "800" },
            })),
            _ => throw new ArgumentException($"There is no engine '{name}'.", nameof(name)),
        };
        Report.Servers.Add(engine.Version);
        return engine;
    }

    /// <summary>A store's URI, for processes; also through a proxy.</summary>
    public abstract string Uri(string space, FaultProxy? through = null);

    /// <summary>A store that says when something goes to the server: a request, where the engine can tell, or else a call of the store.</summary>
    public IStore Open(string space, Action? onRequest = null) => Stores.Open(Uri(space), onRequest);

    public abstract ValueTask DisposeAsync();

    /// <summary>What it is, with its version and the settings that matter.</summary>
    protected abstract string Version { get; }

    /// <summary>The version that the folder of a server's programs is called by.</summary>
    protected static string VersionOf(Server server) =>
        VersionPattern().Match(server.Binary.Folder) is { Success: true } match ? match.Value.Replace('-', ' ') : server.Binary.Name.Replace('-', ' ');

    [GeneratedRegex(@"(etcd|consul|redis|valkey|chrony)-\d+(\.\d+)+")]
    private static partial Regex VersionPattern();
}
