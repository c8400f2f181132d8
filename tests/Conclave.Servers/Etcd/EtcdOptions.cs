namespace Conclave.Servers;

/// <summary>How an etcd is started.</summary>
public sealed record EtcdOptions
{
    /// <summary>Which one.</summary>
    /// <value>"3.5"; or "3.4".</value>
    public string Version { get; init; } = "3.5";

    /// <summary>What of TLS clients have to do.</summary>
    public Tls Tls { get; init; }

    /// <summary>Turns authentication on, with this password of the user <c>root</c>.</summary>
    /// <value>Null: anybody may do anything.</value>
    public string? RootPassword { get; init; }

    /// <summary>How often a leader says that it is there.</summary>
    /// <value>50 ms.</value>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>How long a leader may be silent.</summary>
    /// <value>500 ms.</value>
    public TimeSpan Election { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Whether every write waits for the disk.</summary>
    /// <value>
    /// True. Without it (<c>--unsafe-no-fsync</c>), etcd keeps writes in the memory of its process, so that one that is killed forgets
    /// what it has acknowledged, and a cluster with it: only for servers that no test kills.
    /// </value>
    public bool Fsync { get; init; } = true;

    /// <summary>Whether the members of a cluster reach each other through proxies, so that one can be made deaf: <see cref="EtcdServer.Peers"/>.</summary>
    public bool ProxiesPeers { get; init; }

    /// <summary>More of its command line.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];
}
