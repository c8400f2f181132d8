using System.Globalization;
using System.Text;
using Conclave.Storage;

namespace Conclave;

/// <summary>
/// How texts become keys of the store, <c>map/name/key</c>, and back. In a key only <c>%</c> and control characters are escaped, each byte as
/// <c>%XX</c>: so the order of keys is that of the texts' UTF-8 bytes (a control character counts as a <c>%</c>). The empty text is a lone <c>%</c>.
/// </summary>
internal static class MapKeys
{
    public const string Kind = "map";

    private const string Empty = "%";
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static string PrefixOf(string map) => $"{Kind}/{StoreNames.Escape(map)}/";

    public static string Escape(string text)
    {
        if (text.Length == 0)
        {
            return Empty;
        }

        if (!NeedsEscape(text))
        {
            return text;
        }

        var escaped = new StringBuilder(text.Length + 8);
        foreach (char c in text)
        {
            if (c != '%' && !char.IsControl(c))
            {
                escaped.Append(c);
            }
            else
            {
                foreach (byte b in Encoding.UTF8.GetBytes([c]))
                {
                    escaped.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
                }
            }
        }

        return escaped.ToString();
    }

    /// <exception cref="FormatException">It is nothing that <see cref="Escape"/> returns.</exception>
    public static string Unescape(string segment)
    {
        if (segment == Empty)
        {
            return "";
        }

        if (!segment.Contains('%', StringComparison.Ordinal))
        {
            return segment.Length > 0 ? segment : throw new FormatException("The empty key is stored as '%'.");
        }

        byte[] escaped = Encoding.UTF8.GetBytes(segment);
        byte[] bytes = new byte[escaped.Length];
        int length = 0;
        for (int i = 0; i < escaped.Length; i++)
        {
            if (escaped[i] != '%')
            {
                bytes[length++] = escaped[i];
            }
            else if (i + 2 < escaped.Length && byte.TryParse(escaped.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value))
            {
                bytes[length++] = value;
                i += 2;
            }
            else
            {
                throw new FormatException("A '%' must be followed by two hexadecimal digits.");
            }
        }

        try
        {
            return Strict.GetString(bytes, 0, length);
        }
        catch (DecoderFallbackException e)
        {
            throw new FormatException("The escaped bytes are no UTF-8.", e);
        }
    }

    private static bool NeedsEscape(string text)
    {
        foreach (char c in text)
        {
            if (c == '%' || char.IsControl(c))
            {
                return true;
            }
        }

        return false;
    }
}
