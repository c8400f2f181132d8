using System.Text;
using Conclave.Storage;

namespace Conclave.Postgres;

/// <summary>
/// What a read asks for, as a range of keys in the order of their UTF-8 bytes: the lower end is in it, the upper one is not. Keys hold no control
/// characters and have at most 1,024 bytes, so there is room next to every key.
/// </summary>
internal readonly record struct KeyRange(string Lower, string Upper)
{
    /// <summary>Behind every key that an end could have.</summary>
    private static readonly string Last = new StringBuilder().Insert(0, "\U0010FFFF", (StoreLimits.MaxKeyBytes / 4) + 1).ToString();

    public static KeyRange Of(Read read)
    {
        if (!read.IsScan)
        {
            return new(read.Key, NextTo(read.Key));
        }

        string upper = Behind(read.Key);
        return read.StartAfter is { } startAfter && KeyOrder.Instance.Compare(startAfter, read.Key) >= 0
            ? new(NextTo(startAfter), upper)
            : new(read.Key, upper);
    }

    /// <summary>Comes right behind a key, before all that are longer.</summary>
    private static string NextTo(string key) => key + '\u0001';

    /// <summary>The first text behind all those that begin with a prefix: its last character that has a next one is raised.</summary>
    private static string Behind(string prefix)
    {
        for (int end = prefix.Length; end > 0;)
        {
            int start = end - (char.IsLowSurrogate(prefix[end - 1]) ? 2 : 1);
            int point = char.ConvertToUtf32(prefix, start);
            if (point < 0x10FFFF)
            {
                // the surrogates are no characters
                return prefix[..start] + char.ConvertFromUtf32(point == 0xD7FF ? 0xE000 : point + 1);
            }

            end = start;
        }

        return Last;
    }
}
