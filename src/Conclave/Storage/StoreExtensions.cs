using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace Conclave.Storage;

/// <summary>Convenience over the five methods of <see cref="IStore"/>. Every method adds the exceptions of <see cref="IStore.CommitAsync"/>.</summary>
public static class StoreExtensions
{
    private const int PageSize = 1000;

    /// <summary>Reads one key.</summary>
    /// <param name="store">The store.</param>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The entry, or null when the key is absent.</returns>
    public static async ValueTask<Entry?> GetAsync(this IStore store, string key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        var result = await store.CommitAsync(new Transaction(reads: [Read.Get(key)]), cancellationToken).ConfigureAwait(false);
        return result.Get(0);
    }

    /// <summary>Puts one key, whatever is there.</summary>
    /// <param name="store">The store.</param>
    /// <param name="key">The key.</param>
    /// <param name="value">The bytes.</param>
    /// <param name="session">The session a created entry belongs to, or null.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The revision of the put.</returns>
    public static async ValueTask<long> PutAsync(
        this IStore store, string key, ReadOnlyMemory<byte> value, SessionId? session = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        var transaction = new Transaction(writes: [Write.Put(key, value, session)], reads: [Read.Get(key)]);
        var result = await store.CommitAsync(transaction, cancellationToken).ConfigureAwait(false);
        return result.Get(0)!.Revision;
    }

    /// <summary>Puts one key if it is as expected.</summary>
    /// <param name="store">The store.</param>
    /// <param name="key">The key.</param>
    /// <param name="value">The bytes.</param>
    /// <param name="expectedRevision">The <see cref="Entry.Revision"/> that was read; 0 when the key must be absent.</param>
    /// <param name="session">The session a created entry belongs to, or null.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The revision of the put, or null when the key was not as expected and nothing was written.</returns>
    public static async ValueTask<long?> TryPutAsync(
        this IStore store, string key, ReadOnlyMemory<byte> value, long expectedRevision, SessionId? session = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        var transaction = new Transaction([Expect(key, expectedRevision)], [Write.Put(key, value, session)], [Read.Get(key)]);
        var result = await store.CommitAsync(transaction, cancellationToken).ConfigureAwait(false);
        return result.Accepted ? result.Get(0)!.Revision : null;
    }

    /// <summary>Deletes one key, whatever is there.</summary>
    /// <param name="store">The store.</param>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    public static async ValueTask DeleteAsync(this IStore store, string key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        _ = await store.CommitAsync(new Transaction(writes: [Write.Delete(key)]), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Enumerates the entries of a prefix in key order, page by page, with a flat use of memory.</summary>
    /// <remarks>Each page is one snapshot, several are not; an entry that is there unchanged throughout appears exactly once.</remarks>
    /// <param name="store">The store.</param>
    /// <param name="prefix">The prefix; the empty string enumerates all.</param>
    /// <param name="cancellationToken">Cancels the enumeration.</param>
    /// <returns>The entries.</returns>
    public static async IAsyncEnumerable<Entry> ScanAsync(
        this IStore store, string prefix, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        string? startAfter = null;
        while (true)
        {
            var transaction = new Transaction(reads: [Read.Scan(prefix, startAfter, PageSize)]);
            var page = (await store.CommitAsync(transaction, cancellationToken).ConfigureAwait(false)).Reads[0];
            foreach (var entry in page)
            {
                yield return entry;
            }

            if (page.Length < PageSize)
            {
                yield break;
            }

            startAfter = page[^1].Key;
        }
    }

    /// <summary>
    /// Watches a prefix as a series of fresh snapshots: the first at once, then one after every change, as soon as the caller asks.
    /// Changes that follow each other quickly may be seen as one; the last state is always delivered.
    /// </summary>
    /// <param name="store">The store.</param>
    /// <param name="prefix">The prefix.</param>
    /// <param name="cancellationToken">Ends the watch.</param>
    /// <returns>Snapshots in order; it ends only by cancellation or an exception.</returns>
    public static async IAsyncEnumerable<ImmutableArray<Entry>> ObserveAsync(
        this IStore store, string prefix, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        var scan = new Transaction(reads: [Read.Scan(prefix)]);
        ImmutableArray<Entry> last = default;
        while (true)
        {
            var result = await store.CommitAsync(scan, cancellationToken).ConfigureAwait(false);
            if (last.IsDefault || !Same(last, result.Reads[0]))
            {
                last = result.Reads[0];
                yield return last;
            }

            _ = await store.WaitForChangeAsync(prefix, result.Revision, cancellationToken).ConfigureAwait(false);
        }
    }

    private static Condition Expect(string key, long revision) =>
        revision == 0 ? Condition.Absent(key) : Condition.Unchanged(key, revision);

    private static bool Same(ImmutableArray<Entry> before, ImmutableArray<Entry> after)
    {
        bool same = before.Length == after.Length;
        for (int i = 0; same && i < before.Length; i++)
        {
            same = before[i].Key == after[i].Key && before[i].Revision == after[i].Revision;
        }

        return same;
    }
}
