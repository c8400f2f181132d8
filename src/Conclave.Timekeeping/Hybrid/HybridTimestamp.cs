using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Conclave.Timekeeping;

/// <summary>
/// A moment of a hybrid logical clock in 64 bits: 48 of milliseconds since 1970, which last until the year 10889, and 16 that count what
/// happened within one. Later ones are larger, as numbers, as bytes and as text.
/// </summary>
/// <param name="Value">The bits.</param>
public readonly record struct HybridTimestamp(ulong Value) : IComparable<HybridTimestamp>, ISpanParsable<HybridTimestamp>
{
    /// <summary>How many bytes <see cref="WriteTo"/> writes.</summary>
    public const int Size = 8;

    internal const int LogicalBits = 16;

    /// <summary>Creates a timestamp.</summary>
    /// <param name="time">The time; fractions of a millisecond are cut off.</param>
    /// <param name="logical">The count within the millisecond.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="time"/> is before 1970.</exception>
    public HybridTimestamp(DateTimeOffset time, ushort logical = 0)
        : this(((ulong)Milliseconds(time) << LogicalBits) | logical)
    {
    }

    /// <summary>The time, in whole milliseconds. It may be ahead of the clock that made it, by what others were ahead.</summary>
    public DateTimeOffset Time => DateTimeOffset.FromUnixTimeMilliseconds((long)Math.Min(Value >> LogicalBits, (ulong)DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));

    /// <summary>The count within the millisecond.</summary>
    public ushort Logical => (ushort)Value;

    /// <summary>Whether one is earlier.</summary>
    public static bool operator <(HybridTimestamp left, HybridTimestamp right) => left.Value < right.Value;

    /// <summary>Whether one is later.</summary>
    public static bool operator >(HybridTimestamp left, HybridTimestamp right) => left.Value > right.Value;

    /// <summary>Whether one is not later.</summary>
    public static bool operator <=(HybridTimestamp left, HybridTimestamp right) => left.Value <= right.Value;

    /// <summary>Whether one is not earlier.</summary>
    public static bool operator >=(HybridTimestamp left, HybridTimestamp right) => left.Value >= right.Value;

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    /// <param name="s">16 hexadecimal digits.</param>
    /// <param name="provider">Not used.</param>
    /// <exception cref="FormatException">The text is something else.</exception>
    public static HybridTimestamp Parse(string s, IFormatProvider? provider = null)
    {
        ArgumentNullException.ThrowIfNull(s);
        return Parse(s.AsSpan(), provider);
    }

    /// <inheritdoc cref="Parse(string, IFormatProvider?)"/>
    public static HybridTimestamp Parse(ReadOnlySpan<char> s, IFormatProvider? provider = null) =>
        TryParse(s, provider, out var timestamp) ? timestamp : throw new FormatException("A hybrid timestamp is 16 hexadecimal digits.");

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    /// <param name="s">16 hexadecimal digits.</param>
    /// <param name="provider">Not used.</param>
    /// <param name="result">The timestamp.</param>
    /// <returns>False if the text is something else.</returns>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out HybridTimestamp result) => TryParse(s.AsSpan(), provider, out result);

    /// <inheritdoc cref="TryParse(string?, IFormatProvider?, out HybridTimestamp)"/>
    public static bool TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out HybridTimestamp result)
    {
        bool isOne = s.Length == 2 * Size & ulong.TryParse(s, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value);
        result = new(isOne ? value : 0);
        return isOne;
    }

    /// <summary>Reads what <see cref="WriteTo"/> wrote.</summary>
    /// <param name="bytes">At least <see cref="Size"/> bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are too few.</exception>
    public static HybridTimestamp ReadFrom(ReadOnlySpan<byte> bytes) => new(BinaryPrimitives.ReadUInt64BigEndian(bytes));

    /// <summary>Writes the timestamp as bytes that sort as the timestamps do.</summary>
    /// <param name="bytes">At least <see cref="Size"/> bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are too few.</exception>
    public void WriteTo(Span<byte> bytes) => BinaryPrimitives.WriteUInt64BigEndian(bytes, Value);

    /// <inheritdoc/>
    public int CompareTo(HybridTimestamp other) => Value.CompareTo(other.Value);

    /// <summary>The timestamp as text that sorts as the timestamps do: 16 hexadecimal digits.</summary>
    public override string ToString() => Value.ToString("x16", CultureInfo.InvariantCulture);

    private static long Milliseconds(DateTimeOffset time) => time.ToUnixTimeMilliseconds() is >= 0 and var milliseconds
        ? milliseconds
        : throw new ArgumentOutOfRangeException(nameof(time), time, "A hybrid timestamp cannot be before 1970.");
}
