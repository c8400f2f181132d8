namespace Conclave.Storage;

/// <summary>One key of a store, as it was at the instant of a read.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">The bytes last put.</param>
/// <param name="CreateRevision">The revision of the commit that created the key. Deleting and putting again creates it anew.</param>
/// <param name="Revision">The revision of the commit that last put the key, also with equal bytes.</param>
/// <param name="Session">The session whose end deletes the entry, or null for an entry that stays. Fixed by the put that created the key.</param>
public sealed record Entry(string Key, ReadOnlyMemory<byte> Value, long CreateRevision, long Revision, SessionId? Session);
