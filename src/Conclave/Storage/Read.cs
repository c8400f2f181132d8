namespace Conclave.Storage;

/// <summary>A question that a transaction answers after its own writes.</summary>
public readonly record struct Read
{
    private Read(string key, bool isScan, string? startAfter, int limit) =>
        (Key, IsScan, StartAfter, Limit) = (key, isScan, startAfter, limit);

    /// <summary>The key of a get, the prefix of a scan.</summary>
    public string Key { get; }

    /// <summary>True for a scan.</summary>
    public bool IsScan { get; }

    /// <summary>The key behind which a scan starts, or null for the first of the prefix.</summary>
    public string? StartAfter { get; }

    /// <summary>The most entries a scan returns; <see cref="int.MaxValue"/> for all.</summary>
    public int Limit { get; }

    /// <summary>Reads one key: one entry, or none.</summary>
    /// <param name="key">The key.</param>
    public static Read Get(string key) => new(key, isScan: false, null, 1);

    /// <summary>Reads the entries whose keys start with a prefix, ordered by the UTF-8 bytes of their keys.</summary>
    /// <param name="prefix">The prefix; the empty string reads all.</param>
    /// <param name="startAfter">Only keys behind this one, to continue a page.</param>
    /// <param name="limit">The most entries to return.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="limit"/> is 0 or less.</exception>
    public static Read Scan(string prefix, string? startAfter = null, int limit = int.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return new(prefix, isScan: true, startAfter, limit);
    }
}
