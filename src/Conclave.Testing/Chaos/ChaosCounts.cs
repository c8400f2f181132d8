namespace Conclave.Testing;

/// <summary>How often a <see cref="ChaosStore"/> did what: a run that claims strength asserts on it.</summary>
public sealed class ChaosCounts
{
    private readonly int[] _counts = new int[Enum.GetValues<ChaosFault>().Length];

    /// <summary>How often one kind of fault was injected.</summary>
    /// <param name="fault">The kind.</param>
    public int this[ChaosFault fault] => Volatile.Read(ref _counts[(int)fault]);

    internal void Add(ChaosFault fault) => Interlocked.Increment(ref _counts[(int)fault]);

    /// <summary>All kinds with their counts.</summary>
    public override string ToString() => string.Join(", ", Enum.GetValues<ChaosFault>().Select(f => $"{f} {this[f]}"));
}

/// <summary>The kinds of faults, see <see cref="ChaosOptions"/>.</summary>
public enum ChaosFault
{
    /// <summary>A call took longer.</summary>
    Latency,

    /// <summary>A call was refused without effect.</summary>
    Unavailable,

    /// <summary>A commit was applied, its outcome not told.</summary>
    UnknownApplied,

    /// <summary>A commit was dropped, its outcome not told.</summary>
    UnknownNotApplied,

    /// <summary>A commit was applied after its outcome was reported unknown.</summary>
    UnknownAppliedLate,

    /// <summary>A wait ended for no reason; those of storms included.</summary>
    SpuriousHint,

    /// <summary>A storm of hints began.</summary>
    StormingHints,

    /// <summary>A wait ended late.</summary>
    LateHint,

    /// <summary>A session was ended.</summary>
    SessionEnded,

    /// <summary>A renewal was refused.</summary>
    RefusedRenewal,
}
