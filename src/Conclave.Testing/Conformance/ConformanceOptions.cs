namespace Conclave.Testing;

/// <summary>How <see cref="ConformanceKit"/> runs.</summary>
public sealed record ConformanceOptions
{
    /// <summary>True to run every case through a <see cref="ChaosStore"/>.</summary>
    /// <value>false.</value>
    public bool Chaos { get; init; }

    /// <summary>Where random decisions come from; those of a case and those of chaos.</summary>
    /// <value>1.</value>
    public int Seed { get; init; } = 1;

    /// <summary>How many cases run at the same time.</summary>
    /// <value>8: most of a case's time is waiting.</value>
    public int Parallelism { get; init; } = 8;

    /// <summary>How long a case may take, for whatever reason, before it has failed.</summary>
    /// <value>2 minutes.</value>
    public TimeSpan CaseTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>True to start no more cases after one has failed.</summary>
    /// <value>false.</value>
    public bool StopAtFirstFailure { get; init; }

    /// <summary>Which cases to run, or null for all.</summary>
    /// <value>null.</value>
    public Func<ConformanceCase, bool>? Filter { get; init; }
}
