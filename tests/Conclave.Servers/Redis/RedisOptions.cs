namespace Conclave.Servers;

/// <summary>Which of the servers that speak the same language.</summary>
public enum RedisFlavor
{
    /// <summary>Redis 7.0.</summary>
    Redis7,

    /// <summary>Valkey 8.0.</summary>
    Valkey8,
}

/// <summary>How a Redis is started.</summary>
public sealed record RedisOptions
{
    /// <summary>Which one.</summary>
    public RedisFlavor Flavor { get; init; }

    /// <summary>The password of the default user.</summary>
    /// <value>Null: none is asked for.</value>
    public string? Password { get; init; }

    /// <summary>Whether writes are kept in a file, so that a restart finds them.</summary>
    /// <value>False: a restart begins with nothing.</value>
    public bool AppendOnly { get; init; }

    /// <summary>How much memory the data may take.</summary>
    /// <value>Null: as much as there is; or such as <c>2mb</c>.</value>
    public string? MaxMemory { get; init; }

    /// <summary>What goes when that is reached.</summary>
    /// <value>Nothing: <c>noeviction</c>.</value>
    public string MaxMemoryPolicy { get; init; } = "noeviction";

    /// <summary>What of TLS clients have to do. With it, there are no plain connections.</summary>
    public Tls Tls { get; init; }

    /// <summary>The server that this one copies; of the same password and TLS.</summary>
    /// <value>Null: it is a master.</value>
    public RedisServer? ReplicaOf { get; init; }

    /// <summary>More of its command line.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>The wall clock that it sees.</summary>
    /// <value>Null: the machine's own.</value>
    public SteppedClock? Clock { get; init; }
}
