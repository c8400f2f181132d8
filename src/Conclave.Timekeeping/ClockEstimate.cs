namespace Conclave.Timekeeping;

/// <summary>
/// What a clock believes since a moment of its monotonic clock. Immutable, so that a reader needs one reference and no lock; everything that
/// changes with time is computed by who reads, so that the bound grows and the state changes even if nobody is left to say so.
/// </summary>
internal sealed class ClockEstimate
{
    /// <summary>The moment, as a stamp of the monotonic clock.</summary>
    public required long Stamp { get; init; }

    /// <summary>The time at that moment, in ticks of UTC.</summary>
    public required long Ticks { get; init; }

    /// <summary>How much later the estimate may be than the truth, in ticks; -1 if no bound is known.</summary>
    public long Below { get; init; } = -1;

    /// <summary>How much earlier the estimate may be than the truth, in ticks.</summary>
    public long Above { get; init; } = -1;

    /// <summary>What the monotonic clock may gain or lose.</summary>
    public double Drift { get; init; }

    public required ClockState State { get; init; }

    /// <summary>Older than this, in ticks, a synchronized clock is in holdover.</summary>
    public long HoldoverAfter { get; init; } = long.MaxValue;

    /// <summary>Older than this, in ticks, the estimate is made anew by who reads.</summary>
    public long RefreshAfter { get; init; } = long.MaxValue;

    public bool IsBounded => Below >= 0;

    /// <summary>The interval so many ticks later, around the time then.</summary>
    public long BelowAfter(long elapsed) => Below + Growth(elapsed);

    /// <inheritdoc cref="BelowAfter"/>
    public long AboveAfter(long elapsed) => Above + Growth(elapsed);

    /// <summary>The same, on its own.</summary>
    public ClockEstimate InHoldover() => new()
    {
        Stamp = Stamp,
        Ticks = Ticks,
        Below = Below,
        Above = Above,
        Drift = Drift,
        State = ClockState.Holdover,
    };

    /// <summary>What the clock reads so many ticks later.</summary>
    public ClockReading After(long elapsed)
    {
        if (Below < 0)
        {
            return new(Ticks + elapsed, -1, -1, State);
        }

        long growth = Growth(elapsed);
        var state = State == ClockState.Synchronized && elapsed > HoldoverAfter ? ClockState.Holdover : State;
        return new(Ticks + elapsed, Below + growth, Above + growth, state);
    }

    // the last one is for the fraction that the conversions cut off
    private long Growth(long elapsed) => (long)(elapsed * Drift) + 1;
}
