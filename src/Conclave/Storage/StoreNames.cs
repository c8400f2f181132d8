using System.Buffers;
using System.Text;

namespace Conclave.Storage;

/// <summary>How the names that users choose become keys: <c>kind/name/…</c>, with the name percent-escaped so that <c>a/b</c> and <c>a</c> never meet.</summary>
public static class StoreNames
{
    /// <summary>The entry that holds the epoch of the namespace, as decimal digits; absent means 0.</summary>
    public const string EpochKey = "meta/epoch";

    private static readonly SearchValues<char> Escaped = SearchValues.Create("/%");

    /// <summary>Checks a name and escapes it: <c>/</c> becomes <c>%2F</c>, <c>%</c> becomes <c>%25</c>. The result is one path segment.</summary>
    /// <param name="name">The name a user chose.</param>
    /// <returns>The escaped name; different names give different results.</returns>
    /// <exception cref="ArgumentException">The name is empty, longer than 256 UTF-8 bytes, or holds control characters or unpaired surrogates.</exception>
    public static string Escape(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length == 0)
        {
            throw new ArgumentException("A name must have at least one character.");
        }

        _ = StoreLimits.CheckText(name, "name", StoreLimits.MaxNameBytes);
        return name.AsSpan().ContainsAny(Escaped)
            ? name.Replace("%", "%25", StringComparison.Ordinal).Replace("/", "%2F", StringComparison.Ordinal)
            : name;
    }

    /// <summary>Turns a path segment back into the name it was made from.</summary>
    /// <param name="segment">What <see cref="Escape"/> returned, or what a foreign client wrote.</param>
    /// <returns>The name; text that is no escape is left as it is.</returns>
    public static string Unescape(string segment)
    {
        ArgumentNullException.ThrowIfNull(segment);
        if (!segment.Contains('%', StringComparison.Ordinal))
        {
            return segment;
        }

        var name = new StringBuilder(segment.Length);
        for (int i = 0; i < segment.Length; i++)
        {
            string three = i + 3 <= segment.Length ? segment.Substring(i, 3) : "";
            if (three is "%2F" or "%25")
            {
                name.Append(three == "%2F" ? '/' : '%');
                i += 2;
            }
            else
            {
                name.Append(segment[i]);
            }
        }

        return name.ToString();
    }
}
