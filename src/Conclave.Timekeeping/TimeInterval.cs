namespace Conclave.Timekeeping;

/// <summary>
/// A moment that is known to lie between two instants, both included. Two intervals that overlap cannot be ordered, and then comparisons
/// answer null: neither yes nor no.
/// </summary>
/// <remarks>Source: the intervals of TrueTime (Corbett et al., "Spanner: Google's Globally Distributed Database", OSDI 2012, section 3).</remarks>
public readonly record struct TimeInterval
{
    /// <summary>Creates an interval.</summary>
    /// <param name="earliest">The moment is not before this.</param>
    /// <param name="latest">The moment is not after this.</param>
    /// <exception cref="ArgumentException"><paramref name="latest"/> is before <paramref name="earliest"/>.</exception>
    public TimeInterval(DateTimeOffset earliest, DateTimeOffset latest)
    {
        if (latest < earliest)
        {
            throw new ArgumentException($"An interval cannot end ({latest:O}) before it begins ({earliest:O}).", nameof(latest));
        }

        (Earliest, Latest) = (earliest, latest);
    }

    /// <summary>The interval of a moment of which nothing is known: from the beginning of time to its end.</summary>
    public static TimeInterval Unknown { get; } = new(DateTimeOffset.MinValue, DateTimeOffset.MaxValue);

    /// <summary>The moment is not before this.</summary>
    public DateTimeOffset Earliest { get; }

    /// <summary>The moment is not after this.</summary>
    public DateTimeOffset Latest { get; }

    /// <summary>The time between the two ends.</summary>
    public TimeSpan Width => Latest - Earliest;

    /// <summary>Whether nothing is known.</summary>
    public bool IsUnknown => this == Unknown;

    /// <summary>Whether the moment may be this instant.</summary>
    /// <param name="instant">An instant.</param>
    public bool Contains(DateTimeOffset instant) => Earliest <= instant && instant <= Latest;

    /// <summary>Whether both may be the same moment.</summary>
    /// <param name="other">Another interval.</param>
    public bool Overlaps(TimeInterval other) => Earliest <= other.Latest && other.Earliest <= Latest;

    /// <summary>Whether the moment is before an instant.</summary>
    /// <param name="instant">An instant.</param>
    /// <returns>True: certainly. False: certainly not. Null: that cannot be told.</returns>
    public bool? IsBefore(DateTimeOffset instant) => Latest < instant ? true : Earliest >= instant ? false : null;

    /// <summary>Whether the moment is after an instant.</summary>
    /// <param name="instant">An instant.</param>
    /// <returns>True: certainly. False: certainly not. Null: that cannot be told.</returns>
    public bool? IsAfter(DateTimeOffset instant) => Earliest > instant ? true : Latest <= instant ? false : null;

    /// <summary>Whether this moment is before another one that is itself known only as an interval.</summary>
    /// <param name="other">The other moment.</param>
    /// <returns>True: certainly. False: certainly not. Null: that cannot be told.</returns>
    public bool? IsBefore(TimeInterval other) => Latest < other.Earliest ? true : Earliest >= other.Latest ? false : null;

    /// <summary>Whether this moment is after another one that is itself known only as an interval.</summary>
    /// <param name="other">The other moment.</param>
    /// <returns>True: certainly. False: certainly not. Null: that cannot be told.</returns>
    public bool? IsAfter(TimeInterval other) => other.IsBefore(this);

    /// <inheritdoc/>
    public override string ToString() => IsUnknown ? "unknown" : $"[{Earliest:O}, {Latest:O}]";
}
