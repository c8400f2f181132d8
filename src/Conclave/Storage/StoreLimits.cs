using System.Text;

namespace Conclave.Storage;

/// <summary>The limits that are the same on every engine, and the one place that checks them.</summary>
public static class StoreLimits
{
    /// <summary>The longest name a user may choose, in UTF-8 bytes before escaping.</summary>
    public const int MaxNameBytes = 256;

    /// <summary>The longest key, in UTF-8 bytes.</summary>
    public const int MaxKeyBytes = 1024;

    /// <summary>The most conditions, writes and reads of one transaction, together.</summary>
    public const int MaxOperations = 56;

    /// <summary>The most bytes of keys and values of one transaction.</summary>
    public const int MaxTransactionBytes = 320 * 1024;

    /// <summary>The shortest time to live of a session.</summary>
    public static TimeSpan MinTimeToLive { get; } = TimeSpan.FromSeconds(2);

    /// <summary>The longest time to live of a session.</summary>
    public static TimeSpan MaxTimeToLive { get; } = TimeSpan.FromMinutes(10);

    /// <summary>Checks a time to live.</summary>
    /// <param name="timeToLive">The time to live.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is outside <see cref="MinTimeToLive"/>..<see cref="MaxTimeToLive"/>.</exception>
    public static void CheckTimeToLive(TimeSpan timeToLive)
    {
        if (timeToLive < MinTimeToLive || timeToLive > MaxTimeToLive)
        {
            throw new ArgumentOutOfRangeException(nameof(timeToLive), timeToLive,
                "The time to live of a session must be from 2 seconds to 10 minutes.");
        }
    }

    /// <summary>Checks a prefix that is watched or scanned. Unlike a key it may be empty.</summary>
    /// <param name="prefix">The prefix.</param>
    /// <exception cref="ArgumentException">It is too long, or holds control characters or unpaired surrogates.</exception>
    public static void CheckPrefix(string prefix)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        _ = CheckText(prefix, "prefix", MaxKeyBytes);
    }

    internal static void Check(ReadOnlySpan<Condition> conditions, ReadOnlySpan<Write> writes, ReadOnlySpan<Read> reads)
    {
        int operations = conditions.Length + writes.Length + reads.Length;
        if (operations > MaxOperations)
        {
            throw new ArgumentException($"A transaction may have {MaxOperations} operations; this one has {operations}.");
        }

        long bytes = 0;
        foreach (ref readonly var condition in conditions)
        {
            bytes += CheckKey(condition.Key);
        }

        for (int i = 0; i < writes.Length; i++)
        {
            bytes += CheckKey(writes[i].Key) + writes[i].Value.Length;
            for (int j = 0; j < i; j++)
            {
                if (writes[i].Key == writes[j].Key)
                {
                    throw new ArgumentException($"A transaction may write a key once; this one writes '{writes[i].Key}' twice.");
                }
            }
        }

        foreach (ref readonly var read in reads)
        {
            bytes += read.IsScan ? CheckText(read.Key, "prefix", MaxKeyBytes) : CheckKey(read.Key);
            bytes += read.StartAfter is { } startAfter ? CheckText(startAfter, "start of a scan", MaxKeyBytes) : 0;
        }

        if (bytes > MaxTransactionBytes)
        {
            throw new ArgumentException($"A transaction may hold {MaxTransactionBytes / 1024} KiB of keys and values; this one holds {bytes:N0} bytes.");
        }
    }

    /// <summary>Checks a text that becomes part of a key.</summary>
    /// <returns>Its length in UTF-8 bytes.</returns>
    internal static int CheckText(string text, string what, int maxBytes)
    {
        var span = text.AsSpan();
        if (span.IndexOfAnyInRange('\0', '\u001f') is >= 0 and var position || (position = span.IndexOfAnyInRange('\u007f', '\u009f')) >= 0)
        {
            throw new ArgumentException($"A {what} must not hold control characters; this one has U+{(int)text[position]:X4} at position {position}.");
        }

        for (int i = span.IndexOfAnyInRange('\ud800', '\udfff'); i >= 0 && i < span.Length; i++)
        {
            if (char.IsHighSurrogate(span[i]) && i + 1 < span.Length && char.IsLowSurrogate(span[i + 1]))
            {
                i++;
            }
            else if (char.IsSurrogate(span[i]))
            {
                throw new ArgumentException($"A {what} must be well-formed text; this one has an unpaired surrogate at position {i}.");
            }
        }

        int bytes = Encoding.UTF8.GetByteCount(text);
        return bytes <= maxBytes
            ? bytes
            : throw new ArgumentException($"A {what} may have {maxBytes} UTF-8 bytes; this one has {bytes:N0}.");
    }

    private static int CheckKey(string key)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        return CheckText(key, "key", MaxKeyBytes);
    }
}
