namespace Conclave.Storage;

/// <summary>What must hold for a transaction to be accepted.</summary>
public readonly record struct Condition
{
    private Condition(string key, long revision) => (Key, Revision) = (key, revision);

    /// <summary>The key that is looked at.</summary>
    public string Key { get; }

    /// <summary>The revision the key must have; 0 when it must be absent.</summary>
    public long Revision { get; }

    /// <summary>The key must not exist.</summary>
    /// <param name="key">The key.</param>
    public static Condition Absent(string key) => new(key, 0);

    /// <summary>The key must exist and not have been put since.</summary>
    /// <param name="key">The key.</param>
    /// <param name="revision">The <see cref="Entry.Revision"/> that was read; larger than 0.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="revision"/> is 0 or less.</exception>
    public static Condition Unchanged(string key, long revision)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(revision);
        return new(key, revision);
    }
}
