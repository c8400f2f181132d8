using System.Globalization;

namespace Conclave;

/// <summary>
/// A number that rises with every exclusive grant of a name, across release, expiry, restart and failover. Send it with every write; the
/// resource refuses a smaller one than it has seen. Source: sequencers in Burrows, "The Chubby lock service" (OSDI 2006).
/// </summary>
/// <param name="Value">epoch · 2⁴⁸ + create revision.</param>
public readonly record struct FencingToken(long Value) : IComparable<FencingToken>
{
    private const int RevisionBits = 48;

    internal static FencingToken Create(long epoch, long createRevision) => new((epoch << RevisionBits) + createRevision);

    /// <inheritdoc/>
    public int CompareTo(FencingToken other) => Value.CompareTo(other.Value);

    /// <summary>Whether the left token is older.</summary>
    public static bool operator <(FencingToken left, FencingToken right) => left.Value < right.Value;

    /// <summary>Whether the left token is newer.</summary>
    public static bool operator >(FencingToken left, FencingToken right) => left.Value > right.Value;

    /// <summary>Whether the left token is older or the same.</summary>
    public static bool operator <=(FencingToken left, FencingToken right) => left.Value <= right.Value;

    /// <summary>Whether the left token is newer or the same.</summary>
    public static bool operator >=(FencingToken left, FencingToken right) => left.Value >= right.Value;

    /// <summary>The value as decimal digits.</summary>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);
}
