using System.Globalization;
using System.Text;

namespace Conclave.Consul;

/// <summary>
/// Where things are in Consul. A key <c>k</c> of the namespace <c>ns</c> is <c>ns/k</c> and U+0001: Consul reads a missing key as an error that
/// refuses a whole transaction, so everything is read as a prefix, and the terminator makes the prefix of one key match that key alone.
/// What the engine needs for itself lies under <c>ns/</c> and U+0001, so a permission on the prefix <c>ns/</c> is enough.
/// </summary>
/// <remarks>
/// The order of Consul is that of the bytes, and stays that of the keys: where neither of two keys begins with the other, the first byte that
/// differs decides, before any terminator; where one does, its terminator meets a character of the other, and every legal one is larger.
/// </remarks>
internal sealed class ConsulKeys(string name)
{
    private const char Terminator = '\u0001';

    private readonly string _prefix = name + "/";

    /// <summary>Put by every writing commit: its index is the revision of the namespace's last commit, also of one that only deletes.</summary>
    public string Marker { get; } = $"{name}/{Terminator}conclave/revision";

    /// <summary>Holds the version of the format, decimal.</summary>
    public string Format { get; } = $"{name}/{Terminator}conclave/format";

    /// <summary>The key in Consul.</summary>
    public string Of(string key) => _prefix + key + Terminator;

    /// <summary>The prefix of a scan in Consul.</summary>
    public string Prefix(string prefix) => _prefix + prefix;

    /// <summary>A key that is locked only to find out whether a session lives. It ends with it.</summary>
    public string Liveness(string session) => $"{_prefix}{Terminator}conclave/alive/{session}";

    /// <summary>The key of the contract, or null for what is not one: the engine's own, and what others have put here.</summary>
    public string? Name(string key) =>
        key.Length > _prefix.Length + 1 && key[^1] == Terminator && key[_prefix.Length] != Terminator && key.StartsWith(_prefix, StringComparison.Ordinal)
            ? key[_prefix.Length..^1]
            : null;

    /// <summary>
    /// The prefix, in a form for the path of a URL. Consul refuses paths with characters that it cannot print, and redirects those with empty
    /// segments and dots: then a shorter one that it takes, which sees more.
    /// </summary>
    public string WatchPath(string prefix)
    {
        string whole = _prefix + prefix;
        var path = new StringBuilder();
        var rest = whole.AsSpan(0, SafeLength(whole));
        while (!rest.IsEmpty)
        {
            int slash = rest.IndexOf('/');
            path.Append(Uri.EscapeDataString((slash < 0 ? rest : rest[..slash]).ToString()));
            if (slash >= 0)
            {
                path.Append('/');
            }

            rest = slash < 0 ? [] : rest[(slash + 1)..];
        }

        return path.ToString();
    }

    /// <summary>How many characters of a key may stand in the path of a URL.</summary>
    public static int SafeLength(string key)
    {
        int segment = 0;
        for (int i = 0; i <= key.Length; i++)
        {
            if (i == key.Length || key[i] == '/')
            {
                var text = key.AsSpan(segment, i - segment);
                if (text is "." or ".." || (text.IsEmpty && i < key.Length && segment > 0))
                {
                    return segment;
                }

                segment = i + 1;
            }
            else if (!IsPrintable(key, i))
            {
                // what is left must not look like dots either
                return SafeLength(key[..i]);
            }
        }

        return key.Length;
    }

    // Go's unicode.IsPrint, on the safe side: its tables may be older than ours
    private static bool IsPrintable(string key, int i) =>
        key[i] is ' ' or (<= '\u024f' or (>= '\u0370' and <= '\u03ff') or (>= '\u0410' and <= '\u044f') or (>= '\u4e00' and <= '\u9fa5'))
        && (key[i] == ' ' || CharUnicodeInfo.GetUnicodeCategory(key, i) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.OtherNotAssigned
            or UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator));
}
