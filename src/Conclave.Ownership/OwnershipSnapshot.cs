using System.Collections.Immutable;

namespace Conclave.Ownership;

/// <summary>Who owned a key and who waited for it, at one instant.</summary>
/// <param name="Key">The key.</param>
/// <param name="Owner">The owner with the slug of its acquisition, as it stands in the record; null when nobody owned the key.</param>
/// <param name="Expires">When the record expires by the wall clock of whoever wrote it; null when nobody owned the key.</param>
/// <param name="Waiters">The processes that waited, first come first; each stands for all who wait in it.</param>
public sealed record OwnershipSnapshot(string Key, string? Owner, DateTimeOffset? Expires, ImmutableArray<string> Waiters);
