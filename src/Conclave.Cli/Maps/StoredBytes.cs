using System.Buffers;
using System.Globalization;

namespace Conclave.Cli;

/// <summary>Values as they are stored: the command reads and writes what others have serialized.</summary>
internal sealed class StoredBytes : IMapSerializer<byte[]>
{
    public static StoredBytes Instance { get; } = new();

    public void Serialize(byte[] value, IBufferWriter<byte> writer) => writer.Write(value);

    public byte[] Deserialize(ReadOnlyMemory<byte> bytes) => bytes.ToArray();
}

/// <summary>Whole numbers as people write them, stored as a map of integers stores them.</summary>
internal sealed class IntegerTextKeys : IMapKeyFormat<string>
{
    private const int Digits = 20;
    private static readonly Int128 Beyond = Int128.Parse("100000000000000000000", CultureInfo.InvariantCulture);

    public string ToText(string key)
    {
        if (!Int128.TryParse(key, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) || number < long.MinValue || number > ulong.MaxValue)
        {
            throw CliException.Usage($"the key '{key}' is refused: with --integer-keys it must be a whole number of up to 64 bits.");
        }

        return number < 0
            ? "-" + (Beyond + number).ToString("D20", CultureInfo.InvariantCulture)
            : number.ToString("D20", CultureInfo.InvariantCulture);
    }

    public string FromText(string text)
    {
        bool isNegative = text.StartsWith('-');
        var digits = text.AsSpan(isNegative ? 1 : 0);
        var number = digits.Length == Digits ? Int128.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture) : throw new FormatException("An integer is stored as twenty digits.");
        return (isNegative ? number - Beyond : number).ToString(CultureInfo.InvariantCulture);
    }
}
