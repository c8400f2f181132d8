using System.Globalization;
using System.Text;

namespace Conclave.Sqlite;

/// <summary>The epoch's decimal digits.</summary>
internal static class Epoch
{
    /// <summary>One more than an epoch.</summary>
    /// <param name="digits">The epoch; empty means 0.</param>
    /// <exception cref="StoreFormatException">The text is no number.</exception>
    public static byte[] Next(ReadOnlySpan<byte> digits)
    {
        long epoch = 0;
        return digits.IsEmpty || long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out epoch)
            ? Encoding.ASCII.GetBytes((epoch + 1).ToString(CultureInfo.InvariantCulture))
            : throw new StoreFormatException($"The epoch of the store is '{Encoding.UTF8.GetString(digits)}', not a number; put a number larger than any before.");
    }
}
