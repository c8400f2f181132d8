using System.Globalization;
using System.Numerics;

namespace Conclave;

/// <summary>The built-in formats of keys.</summary>
internal static class MapKeyFormats
{
    /// <summary>The format of a type of keys.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static IMapKeyFormat<TKey> Of<TKey>()
        where TKey : notnull
    {
        object? format = Type.GetTypeCode(typeof(TKey)) switch
        {
            _ when typeof(TKey).IsEnum => null,
            TypeCode.String => new TextKeys(),
            TypeCode.Int32 => new IntegerKeys<int>(),
            TypeCode.Int64 => new IntegerKeys<long>(),
            TypeCode.UInt32 => new IntegerKeys<uint>(),
            TypeCode.UInt64 => new IntegerKeys<ulong>(),
            TypeCode.Int16 => new IntegerKeys<short>(),
            TypeCode.UInt16 => new IntegerKeys<ushort>(),
            TypeCode.Byte => new IntegerKeys<byte>(),
            TypeCode.SByte => new IntegerKeys<sbyte>(),
            _ when typeof(TKey) == typeof(Guid) => new GuidKeys(),
            _ => null,
        };
        return (IMapKeyFormat<TKey>?)format ?? throw new ArgumentException(
            $"MapOptions.KeyFormat must be set for keys of type {typeof(TKey)}: there are built-in formats for string, Guid, and integers of up to 64 bits.");
    }

    private sealed class TextKeys : IMapKeyFormat<string>
    {
        public string ToText(string key) => key;

        public string FromText(string text) => text;
    }

    private sealed class GuidKeys : IMapKeyFormat<Guid>
    {
        public string ToText(Guid key) => key.ToString("D");

        public Guid FromText(string text) => Guid.ParseExact(text, "D");
    }

    /// <summary>Twenty digits, so that the order of texts is the order of numbers; below zero a minus sign and the ten's complement.</summary>
    private sealed class IntegerKeys<T> : IMapKeyFormat<T>
        where T : IBinaryInteger<T>
    {
        private const int Digits = 20;
        private static readonly Int128 Beyond = Int128.Parse("100000000000000000000", CultureInfo.InvariantCulture);

        public string ToText(T key)
        {
            var number = Int128.CreateChecked(key);
            return number < 0
                ? "-" + (Beyond + number).ToString("D20", CultureInfo.InvariantCulture)
                : number.ToString("D20", CultureInfo.InvariantCulture);
        }

        public T FromText(string text)
        {
            bool isNegative = text.StartsWith('-');
            var digits = text.AsSpan(isNegative ? 1 : 0);
            if (digits.Length != Digits)
            {
                throw new FormatException("A number is stored as twenty digits.");
            }

            var number = Int128.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
            try
            {
                return T.CreateChecked(isNegative ? number - Beyond : number);
            }
            catch (OverflowException e)
            {
                throw new FormatException($"The number does not fit {typeof(T)}.", e);
            }
        }
    }
}
