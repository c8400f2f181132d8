using System.Runtime.CompilerServices;
using Conclave.Storage;

namespace Conclave;

public sealed partial class DistributedMap<TKey, TValue>
{
    /// <summary>
    /// Watches the map: every entry that is there as set, then every change. Changes of a key that follow each other quickly may be seen as one; the
    /// last is always told. Survives outages: what changed meanwhile is told afterwards.
    /// </summary>
    /// <remarks>
    /// The changes of a key come in their order. It remembers a key and a revision per entry and nothing of the changes, and reads the map again, page
    /// by page, when something has changed: for large maps that change often, watch the keys you need.
    /// </remarks>
    /// <param name="cancellationToken">Ends the watch.</param>
    /// <returns>Changes; it ends only by cancellation or an error that no repetition mends.</returns>
    public async IAsyncEnumerable<MapChange<TKey, TValue>> ObserveAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var (isGone, entry) in _table.ObserveAsync(cancellationToken).ConfigureAwait(false))
        {
            yield return new(isGone ? MapChangeKind.Deleted : MapChangeKind.Set, new(this, entry));
        }
    }

    /// <summary>
    /// Watches one key: its entry as it is now, null when there is none, then after every change. Changes that follow each other quickly may be seen as
    /// one; the last is always told. Survives outages.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Ends the watch.</param>
    /// <returns>Entries, one that cannot be read too; it ends only by cancellation or an error that no repetition mends.</returns>
    /// <exception cref="ArgumentException">The key is null, too long, or not well-formed.</exception>
    public IAsyncEnumerable<MapEntry<TKey, TValue>?> ObserveAsync(TKey key, CancellationToken cancellationToken = default) =>
        ObserveKeyAsync(StoreKey(key), cancellationToken);

    private async IAsyncEnumerable<MapEntry<TKey, TValue>?> ObserveKeyAsync(string storeKey, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var read = new Transaction(reads: [Read.Get(storeKey)]);
        long? seen = null;
        await foreach (var result in _table.Coordinator.ObserveAsync(ct => _table.Coordinator.CommitAsync(read, ct), _ => storeKey, cancellationToken).ConfigureAwait(false))
        {
            var entry = result.Get(0);
            if (seen != (entry?.Revision ?? 0))
            {
                seen = entry?.Revision ?? 0;
                yield return entry is null ? null : new(this, entry);
            }
        }
    }
}
