namespace Conclave.Storage;

/// <summary>What an engine guarantees, as data. Recipes never read it to decide what to do; operators, tests and documents do.</summary>
public sealed record StoreDescription
{
    /// <summary>The engine's name, such as <c>memory</c> or <c>sqlite</c>.</summary>
    public required string Engine { get; init; }

    /// <summary>Where the store is, without secrets: a path, or hosts.</summary>
    public required string Address { get; init; }

    /// <summary>Who can meet in this store.</summary>
    public required StoreReach Reach { get; init; }

    /// <summary>What survives a crash of everything.</summary>
    public required StoreDurability Durability { get; init; }

    /// <summary>What decides that a session has expired.</summary>
    public required ExpiryClock ExpiryClock { get; init; }

    /// <summary>How long after its time to live an expired session's entries may still be seen while anyone is connected.</summary>
    public required TimeSpan ExpiryBound { get; init; }

    /// <summary>What comes on top of <see cref="ExpiryBound"/>, as a share of the session's time to live: 1 where it may take twice as long.</summary>
    /// <value>0.</value>
    public double ExpiryStretch { get; init; }

    /// <summary>The longest that <see cref="IStore.WaitForChangeAsync"/> stays silent.</summary>
    /// <value>5 seconds.</value>
    public TimeSpan MaxSilence { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The shortest effective time to live.</summary>
    /// <value>2 seconds.</value>
    public TimeSpan MinTimeToLive { get; init; } = StoreLimits.MinTimeToLive;

    /// <summary>When a session may end before its time to live, beyond being closed: a sentence, or null when it never does.</summary>
    public string? EndsSessionsEarly { get; init; }

    /// <summary>What a failover of the engine can lose: a sentence, or null when it loses nothing or there is no failover.</summary>
    public string? FailoverLoses { get; init; }

    /// <summary>When the entries of a session that is not renewed any more are gone at the latest, while anyone is connected.</summary>
    /// <param name="timeToLive">The session's effective time to live.</param>
    /// <returns>How long after its last renewal.</returns>
    public TimeSpan LatestExpiry(TimeSpan timeToLive) => (timeToLive * (1 + ExpiryStretch)) + ExpiryBound;
}

/// <summary>Who can meet in a store.</summary>
public enum StoreReach
{
    /// <summary>The code of one process.</summary>
    Process,

    /// <summary>The processes of one machine.</summary>
    Machine,

    /// <summary>The machines of a network.</summary>
    Network,
}

/// <summary>What survives a crash of everything, power included.</summary>
public enum StoreDurability
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Entries without a session survive; sessions and their entries end.</summary>
    DurableEntries,

    /// <summary>Everything survives.</summary>
    Everything,
}

/// <summary>What decides that a session has expired. No engine uses a wall clock for it.</summary>
public enum ExpiryClock
{
    /// <summary>A monotonic clock of the engine.</summary>
    Monotonic,

    /// <summary>Other clients, each on its own monotonic clock, that saw the session's beat stand still.</summary>
    Observed,
}
