using System.Globalization;
using System.Text;

namespace Conclave.Storage;

/// <summary>
/// The epoch of a namespace, the upper part of every fencing token: kept under <see cref="StoreNames.EpochKey"/> as decimal digits, absent for
/// 0. A provider raises it when its engine may have forgotten; an operator does after a restore that no engine can detect.
/// </summary>
public static class StoreEpoch
{
    /// <summary>The largest epoch: 15 bits, so that a token stays a positive 64-bit number.</summary>
    public const long Max = (1 << 15) - 1;

    /// <summary>Reads an epoch. Strict: one that is misread as smaller would let tokens fall.</summary>
    /// <param name="value">The value of the entry.</param>
    /// <returns>The epoch.</returns>
    /// <exception cref="StoreFormatException">The value is no number from 0 to <see cref="Max"/>, written as digits only.</exception>
    public static long Parse(ReadOnlySpan<byte> value) => TryParse(value, out long epoch)
        ? epoch
        : throw new StoreFormatException($"The epoch under '{StoreNames.EpochKey}' must be digits from 0 to {Max}, and larger than it ever was; put it right.");

    /// <summary>Reads an epoch.</summary>
    /// <param name="value">The value of the entry.</param>
    /// <param name="epoch">The epoch.</param>
    /// <returns>False when the value is none.</returns>
    public static bool TryParse(ReadOnlySpan<byte> value, out long epoch) =>
        long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out epoch) && epoch <= Max;

    /// <summary>The value to put for an epoch.</summary>
    /// <param name="epoch">The epoch.</param>
    /// <returns>Its digits.</returns>
    /// <exception cref="ArgumentOutOfRangeException">It is negative or larger than <see cref="Max"/>.</exception>
    public static byte[] ToValue(long epoch)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(epoch, Max);
        return Encoding.UTF8.GetBytes(epoch.ToString(CultureInfo.InvariantCulture));
    }
}
