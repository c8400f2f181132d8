namespace Conclave.Storage;

/// <summary>A change of one key: a put or a delete.</summary>
public readonly record struct Write
{
    private Write(string key, ReadOnlyMemory<byte> value, SessionId? session, bool isDelete) =>
        (Key, Value, Session, IsDelete) = (key, value, session, isDelete);

    /// <summary>The key.</summary>
    public string Key { get; }

    /// <summary>The bytes to put; empty for a delete.</summary>
    public ReadOnlyMemory<byte> Value { get; }

    /// <summary>The session that a created entry belongs to, or null. It must be alive even where the key exists already.</summary>
    public SessionId? Session { get; }

    /// <summary>True for a delete.</summary>
    public bool IsDelete { get; }

    /// <summary>Creates the key or replaces its value.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The bytes; they must not change until the commit has ended.</param>
    /// <param name="session">The session a created entry belongs to. An entry that exists keeps the session it was created with.</param>
    public static Write Put(string key, ReadOnlyMemory<byte> value, SessionId? session = null) => new(key, value, session, isDelete: false);

    /// <summary>Deletes the key. Deleting what is absent changes nothing.</summary>
    /// <param name="key">The key.</param>
    public static Write Delete(string key) => new(key, default, null, isDelete: true);
}
