namespace Conclave.Testing;

/// <summary>What a <see cref="ChaosStore"/> does wrong, and how often: shares from 0 (never) to 1 (always), 0 by default.</summary>
public sealed record ChaosOptions
{
    /// <summary>Where the random decisions come from. One seed gives one sequence of decisions; who meets which also depends on timing.</summary>
    /// <value>1.</value>
    public int Seed { get; init; } = 1;

    /// <summary>Calls that take up to <see cref="MaxLatency"/> longer, on the way there or back.</summary>
    public double Latency { get; init; }

    /// <summary>The longest additional time of a call.</summary>
    /// <value>5 ms.</value>
    public TimeSpan MaxLatency { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>Calls refused with <see cref="StoreUnavailableException"/>, without effect.</summary>
    public double Unavailable { get; init; }

    /// <summary>Writing commits that are applied and then reported as <see cref="OutcomeUnknownException"/>.</summary>
    public double UnknownApplied { get; init; }

    /// <summary>Writing commits that are reported as <see cref="OutcomeUnknownException"/> and never applied.</summary>
    public double UnknownNotApplied { get; init; }

    /// <summary>Writing commits that are reported as <see cref="OutcomeUnknownException"/> and sent up to <see cref="MaxLateness"/> later.</summary>
    public double UnknownAppliedLate { get; init; }

    /// <summary>How late a commit is sent whose outcome was reported unknown before.</summary>
    /// <value>200 ms.</value>
    public TimeSpan MaxLateness { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Waits that end at once for no reason.</summary>
    public double SpuriousHints { get; init; }

    /// <summary>Waits that begin a storm: this one and the next <see cref="StormLength"/> end at once, for no reason.</summary>
    public double StormingHints { get; init; }

    /// <summary>How many waits a storm of hints hits.</summary>
    /// <value>20.</value>
    public int StormLength { get; init; } = 20;

    /// <summary>Waits that end up to <see cref="MaxLatency"/> late.</summary>
    public double LateHints { get; init; }

    /// <summary>Renewals that end the session instead, as an operator or a store that forgot it would.</summary>
    public double SessionsEnded { get; init; }

    /// <summary>Renewals refused with <see cref="StoreUnavailableException"/>.</summary>
    public double RefusedRenewals { get; init; }

    /// <summary>A bit of everything that a client must survive: what networks and servers do on bad days.</summary>
    /// <param name="seed">The seed.</param>
    /// <returns>The options.</returns>
    public static ChaosOptions BadDay(int seed) => new()
    {
        Seed = seed,
        Latency = 0.2,
        Unavailable = 0.05,
        UnknownApplied = 0.05,
        UnknownNotApplied = 0.03,
        UnknownAppliedLate = 0.03,
        SpuriousHints = 0.2,
        StormingHints = 0.02,
        LateHints = 0.2,
        SessionsEnded = 0.05,
        RefusedRenewals = 0.1,
    };
}
