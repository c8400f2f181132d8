using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Torture;

/// <summary>An engine under torture: its servers, and what can be done to them.</summary>
internal abstract class Arena : IAsyncDisposable
{
    /// <summary>What it is called on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>The time to live of the workers' sessions: the shortest that the engine has, unless somebody sets another.</summary>
    public TimeSpan TimeToLive
    {
        get => field == default ? Shortest : field;
        set;
    }

    /// <summary>How many clients of one process it has room for.</summary>
    public virtual int MostClients => 1000;

    /// <summary>How long no session is opened after the engine has forgotten them.</summary>
    public virtual TimeSpan WaitOut => TimeSpan.Zero;

    /// <summary>For how long live sessions may last longer because of what happened to the engine.</summary>
    public virtual TimeSpan Stretch => TimeSpan.Zero;

    /// <summary>The faults of servers that wake the engine's known defect up: it ends the session of somebody who lives. None for most.</summary>
    public virtual IReadOnlyList<string> EndsSessionsEarlyAfter => [];

    /// <summary>Starts the servers.</summary>
    public abstract Task StartAsync();

    /// <summary>The way to the servers for one worker: proxies of its own, and the URI that leads through them.</summary>
    public abstract (string Uri, IReadOnlyList<FaultProxy> Proxies) Way();

    /// <summary>The URI without proxies, to look at the end.</summary>
    public abstract string Direct { get; }

    /// <summary>What can be done to the servers.</summary>
    /// <param name="random">For what is drawn.</param>
    public abstract IEnumerable<Fault> Faults(Random random);

    public abstract ValueTask DisposeAsync();

    /// <summary>All engines.</summary>
    public static IReadOnlyDictionary<string, Func<Arena>> All { get; } = new Dictionary<string, Func<Arena>>(StringComparer.Ordinal)
    {
        ["sqlite"] = () => new SqliteArena(),
        ["etcd"] = () => new EtcdArena("3.5", 1),
        ["etcd-3.4"] = () => new EtcdArena("3.4", 1),
        ["etcd-cluster"] = () => new EtcdArena("3.5", 3),
        ["consul"] = () => new ConsulArena(1),
        ["consul-cluster"] = () => new ConsulArena(3),
        ["redis"] = () => new RedisArena(RedisFlavor.Redis7),
        ["valkey"] = () => new RedisArena(RedisFlavor.Valkey8),
        ["postgres"] = () => new PostgresArena(),
    };

    /// <summary>The shortest time to live that the engine has.</summary>
    protected virtual TimeSpan Shortest => TimeSpan.FromSeconds(2);

    /// <summary>A time between two shares of the time to live.</summary>
    protected TimeSpan Some(Random random, double from, double to) => TimeToLive * (from + (random.NextDouble() * (to - from)));

    protected static (string Uri, IReadOnlyList<FaultProxy> Proxies) Through(IEnumerable<Server> servers, Func<string, string> uri)
    {
        FaultProxy[] proxies = [.. servers.Select(s => new FaultProxy(s))];
        return (uri(string.Join(',', proxies.Select(p => $"{p.Host}:{p.Port}"))), proxies);
    }
}
