using System.Net.Security;
using Conclave.Storage;
using Microsoft.Extensions.Logging;

namespace Conclave.Redis;

/// <summary>How a <see cref="RedisStore"/> finds its server, and what it may assume about it.</summary>
public sealed record RedisStoreOptions
{
    /// <summary>The servers, in the order to try them; the first that is a master is used. Without a port 6379.</summary>
    /// <value>127.0.0.1.</value>
    public IReadOnlyList<StoreHost> Hosts { get; init; } = [new("127.0.0.1", null)];

    /// <summary>The user's name, or null for the server's default user.</summary>
    /// <value>null.</value>
    public string? User { get; init; }

    /// <summary>The password, or null. Never printed.</summary>
    /// <value>null.</value>
    public string? Password { get; init; }

    /// <summary>The number of the database.</summary>
    /// <value>0.</value>
    public int Database { get; init; }

    /// <summary>The namespace: all keys are <c>conclave:{namespace}:…</c>. Who shares it shares locks.</summary>
    /// <value>default; 1 to 128 characters without control characters and braces.</value>
    public string Namespace { get; init; } = "default";

    /// <summary>True to connect by TLS.</summary>
    /// <value>false.</value>
    public bool UseTls { get; init; }

    /// <summary>Settings of TLS, such as a client certificate or a private authority; or null. The host's name is filled in.</summary>
    /// <value>null: the server's certificate must be valid for its host and trusted by the system.</value>
    public SslClientAuthenticationOptions? TlsOptions { get; init; }

    /// <summary>
    /// How many replicas must confirm every writing commit before it counts as known; fewer end in <see cref="OutcomeUnknownException"/>, with the
    /// commit applied at the master. Makes losses by a failover rarer; it does not make Redis consistent. Commits of one store object then wait
    /// for one another.
    /// </summary>
    /// <value>0; up to 16.</value>
    public int WaitReplicas { get; init; }

    /// <summary>
    /// The longest time to live of a session here. After a restart or failover of the server, sessions are refused for as long, because who held
    /// something before may still believe in it. All clients of a namespace should use the same; the largest counts.
    /// </summary>
    /// <value>30 seconds; from 2 seconds to 10 minutes.</value>
    public TimeSpan LongestTimeToLive { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// True to take a server for new that was started a moment ago and holds no namespace of this name. Otherwise it may have lost it, and
    /// sessions are refused for <see cref="LongestTimeToLive"/>. One such client is enough: it ends a refusal that others began, unless somebody has
    /// seen that there was a namespace before. For tests and first installations.
    /// </summary>
    /// <value>false.</value>
    public bool TrustEmptyServer { get; init; }

    /// <summary>True to use a server that may evict keys when its memory is full, and so lose locks.</summary>
    /// <value>false: such a server is refused.</value>
    public bool AllowEviction { get; init; }

    /// <summary>How long connecting to one server may take, greeting included.</summary>
    /// <value>5 seconds; from 10 ms to 1 minute.</value>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a command may stay without an answer before its connection counts as dead.</summary>
    /// <value>5 seconds; from 10 ms to 1 minute.</value>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The clock of sessions, waits and timeouts.</summary>
    /// <value>A <see cref="BootTimeProvider"/>.</value>
    public TimeProvider? TimeProvider { get; init; }

    /// <summary>Where to log, or null.</summary>
    /// <value>null.</value>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <summary>How long a commit waits to learn whether overdue sessions live: less than callers usually wait for a commit.</summary>
    internal TimeSpan SuspectPatience { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>For tests: counts the commands that leave, and sees the scripts that are run.</summary>
    internal Action<RedisCommand>? OnCommand { get; init; }

    internal string Prefix => $"conclave:{{{Namespace}}}:";

    // publishing knows no databases, and two of them may hold the same namespace
    internal string Channel => $"{Prefix}changes:{Database}";

    /// <summary>The options without secrets: records print all they have.</summary>
    public override string ToString() => $"RedisStoreOptions {{ {Address} }}";

    internal string Address => $"{(UseTls ? "rediss" : "redis")}://{string.Join(',', Hosts)}/{Database}?namespace={Namespace}";

    internal void Check()
    {
        ArgumentNullException.ThrowIfNull(Hosts);
        if (Hosts.Count == 0)
        {
            throw new ArgumentException("RedisStoreOptions.Hosts must name a server.", nameof(Hosts));
        }

        ArgumentException.ThrowIfNullOrEmpty(Namespace);
        if (Namespace.Length > 128 || Namespace.Any(c => char.IsControl(c) || char.IsSurrogate(c) || c is '{' or '}'))
        {
            throw new ArgumentException(
                $"RedisStoreOptions.Namespace must have 1 to 128 characters, none of them control characters or braces; it is '{Namespace}'.", nameof(Namespace));
        }

        CheckRange(nameof(Database), Database, 0, 1_000_000, "");
        CheckRange(nameof(WaitReplicas), WaitReplicas, 0, 16, "");
        CheckRange(nameof(LongestTimeToLive), LongestTimeToLive.TotalSeconds, StoreLimits.MinTimeToLive.TotalSeconds, StoreLimits.MaxTimeToLive.TotalSeconds, " seconds");
        CheckRange(nameof(ConnectTimeout), ConnectTimeout.TotalSeconds, 0.01, 60, " seconds");
        CheckRange(nameof(CommandTimeout), CommandTimeout.TotalSeconds, 0.01, 60, " seconds");
    }

    private static void CheckRange(string name, double value, double from, double to, string unit)
    {
        if (!(value >= from && value <= to))
        {
            throw new ArgumentOutOfRangeException(
                name, value, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"RedisStoreOptions.{name} must be from {from} to {to}{unit}."));
        }
    }
}
