namespace Conclave.Servers;

/// <summary>How a PostgreSQL is started.</summary>
public sealed record PostgresOptions
{
    /// <summary>Settings, as in postgresql.conf.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>The password of the user <c>postgres</c>.</summary>
    /// <value>Null: none is asked for.</value>
    public string? Password { get; init; }

    /// <summary>Whether every commit waits for the disk.</summary>
    /// <value>False: tests kill processes, not machines.</value>
    public bool Fsync { get; init; }

    /// <summary>The server that this one follows, as a standby that may be read.</summary>
    /// <value>Null: it is a primary.</value>
    public PostgresServer? StandbyOf { get; init; }

    /// <summary>The wall clock that it sees.</summary>
    /// <value>Null: the machine's own.</value>
    public SteppedClock? Clock { get; init; }
}
