using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Conclave.Storage;

namespace Conclave;

/// <summary>
/// A map by name that all processes share, as durable as the store. Reads take no lock; changes are compared and set, and happen exactly once, also
/// when answers of the store are lost. Cheap and stateless; make one whenever you need it.
/// </summary>
/// <remarks>
/// A value may have 316 KiB as it is stored, and a key, with the map's name, 1,024 bytes. Enumerations are in the order of the keys: texts by
/// their UTF-8 bytes, numbers by size. An entry that somebody else has damaged is an error when it is read, and leaves the others readable.
/// </remarks>
/// <typeparam name="TKey">The keys.</typeparam>
/// <typeparam name="TValue">The values; null is none of them, it stands for absent. Where the type is a struct, make it nullable to tell absent from
/// its default: a <c>Map&lt;string, int?&gt;</c> reads and writes the same as a <c>Map&lt;string, int&gt;</c>.</typeparam>
public sealed partial class DistributedMap<TKey, TValue>
    where TKey : notnull
{
    // what is left of a transaction is for its keys
    private const int MaxValueBytes = StoreLimits.MaxTransactionBytes - 4096;

    private readonly MapTable _table;
    private readonly IMapSerializer<TValue> _serializer;
    private readonly IMapKeyFormat<TKey> _format;

    internal DistributedMap(Coordinator coordinator, string name, IMapSerializer<TValue> serializer, MapOptions<TKey>? options)
    {
        ArgumentNullException.ThrowIfNull(serializer);
        (_table, _serializer, _format) = (new(coordinator, name), serializer, options?.KeyFormat ?? MapKeyFormats.Of<TKey>());
    }

    /// <summary>The name.</summary>
    public string Name => _table.Name;

    /// <summary>Reads an entry: one round trip, no lock.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The entry, or null when there is none.</returns>
    /// <exception cref="ArgumentException">The key is null, too long, or not well-formed.</exception>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    /// <exception cref="StoreFormatException">What is stored is no value of this map; the message names the key.</exception>
    public async ValueTask<MapEntry<TKey, TValue>?> GetAsync(TKey key, CancellationToken cancellationToken = default) =>
        Readable(await _table.GetAsync(StoreKey(key), cancellationToken).ConfigureAwait(false));

    /// <summary>Sets a value, whatever is there: one round trip.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="cancellationToken">Cancels the call; it may have been set, or be set a moment later.</param>
    /// <returns>The revision of the entry.</returns>
    /// <exception cref="ArgumentException">The key is null, too long, or not well-formed; the value is null or does not fit. The message names the key.</exception>
    /// <exception cref="StoreUnavailableException">The store could not be reached within the operation timeout; nothing was changed.</exception>
    /// <exception cref="OutcomeUnknownException">The session ended before it was known whether the change was applied. Only then is it not known.</exception>
    public async ValueTask<long> SetAsync(TKey key, TValue value, CancellationToken cancellationToken = default)
    {
        string storeKey = StoreKey(key);
        var write = Write.Put(storeKey, ToBytes(storeKey, value));
        while (true)
        {
            var result = await _table.CommitAsync(storeKey, null, write, cancellationToken).ConfigureAwait(false);
            if (result.IsApplied)
            {
                return result.Revision;
            }
        }
    }

    /// <summary>Sets a value if the entry is as expected: one round trip.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <param name="expectedRevision">The <see cref="MapEntry{TKey, TValue}.Revision"/> that was read; 0 when there must be no entry.</param>
    /// <param name="cancellationToken">Cancels the call; it may have been set, or be set a moment later.</param>
    /// <returns>The revision of the entry, or null when it was not as expected and nothing was changed.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="expectedRevision"/> is negative.</exception>
    /// <inheritdoc cref="SetAsync" path="/exception"/>
    public async ValueTask<long?> TrySetAsync(TKey key, TValue value, long expectedRevision, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(expectedRevision);
        string storeKey = StoreKey(key);
        var must = expectedRevision == 0 ? Condition.Absent(storeKey) : Condition.Unchanged(storeKey, expectedRevision);
        var result = await _table.CommitAsync(storeKey, must, Write.Put(storeKey, ToBytes(storeKey, value)), cancellationToken).ConfigureAwait(false);
        return result.IsApplied ? result.Revision : null;
    }

    /// <summary>Deletes an entry, also one that cannot be read: two round trips, one when there is nothing to delete.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Cancels the call; it may have been deleted, or be deleted a moment later.</param>
    /// <returns>True when this call deleted it; false when there was none.</returns>
    /// <inheritdoc cref="SetAsync" path="/exception"/>
    public async ValueTask<bool> DeleteAsync(TKey key, CancellationToken cancellationToken = default)
    {
        string storeKey = StoreKey(key);
        var before = await _table.GetPatientlyAsync(storeKey, cancellationToken).ConfigureAwait(false);
        var (_, revision) = await _table.ChangeAsync(storeKey, before, now => now is null ? null : Write.Delete(storeKey), cancellationToken).ConfigureAwait(false);
        return revision != 0;
    }

    /// <summary>Deletes an entry if it is as expected: one round trip.</summary>
    /// <param name="key">The key.</param>
    /// <param name="expectedRevision">The <see cref="MapEntry{TKey, TValue}.Revision"/> that was read.</param>
    /// <param name="cancellationToken">Cancels the call; it may have been deleted, or be deleted a moment later.</param>
    /// <returns>True when this call deleted it; false when it was not as expected and nothing was changed.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="expectedRevision"/> is not positive.</exception>
    /// <inheritdoc cref="SetAsync" path="/exception"/>
    public async ValueTask<bool> TryDeleteAsync(TKey key, long expectedRevision, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(expectedRevision);
        string storeKey = StoreKey(key);
        var must = Condition.Unchanged(storeKey, expectedRevision);
        return (await _table.CommitAsync(storeKey, must, Write.Delete(storeKey), cancellationToken).ConfigureAwait(false)).IsApplied;
    }

    /// <summary>
    /// Changes an entry from what it is: two round trips when nobody comes between. When somebody does, the change is made again from what is there
    /// then, after a while that grows; so no change is lost, and none is applied twice. The callers of one process take turns.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="change">From the present value (null, or the default of a struct, when there is none) to the new one; null deletes the entry. It may
    /// be called several times, must not change the value it is given, and should be quick. What is as before is not written.</param>
    /// <param name="cancellationToken">Cancels the call; it may have been changed, or be changed a moment later.</param>
    /// <returns>The entry after the change, or null when there is none.</returns>
    /// <exception cref="StoreFormatException">What is stored is no value of this map; the message names the key.</exception>
    /// <inheritdoc cref="SetAsync" path="/exception"/>
    public async ValueTask<MapEntry<TKey, TValue>?> UpdateAsync(TKey key, Func<TValue?, TValue?> change, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(change);
        string storeKey = StoreKey(key);
        var gates = _table.Coordinator.Gates;
        _ = await gates.EnterAsync(storeKey, shared: false, Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false);
        try
        {
            var before = await _table.GetPatientlyAsync(storeKey, cancellationToken).ConfigureAwait(false);
            Write? last = null;
            (before, long revision) = await _table.ChangeAsync(
                storeKey,
                before,
                now => last = ToWrite(storeKey, now, change(Readable(now) is { } entry ? entry.Value : default)),
                cancellationToken).ConfigureAwait(false);
            return revision == 0 ? Readable(before)
                : last is { IsDelete: false } put ? new(this, new(storeKey, put.Value, before?.CreateRevision ?? revision, revision, before?.Session))
                : null;
        }
        finally
        {
            gates.Exit(storeKey, shared: false);
        }
    }

    /// <summary>Reads all entries in the order of their keys, page by page, with a flat use of memory and no lock.</summary>
    /// <remarks>
    /// An entry that is there throughout appears exactly once, as it was when its page was read; one that comes or goes meanwhile may appear or not.
    /// One that cannot be read appears too: see <see cref="MapEntry{TKey, TValue}.Error"/>. Trouble with the store is waited out within the operation timeout.
    /// </remarks>
    /// <param name="cancellationToken">Cancels the enumeration.</param>
    /// <returns>The entries.</returns>
    /// <exception cref="StoreUnavailableException">The store could not be asked within the operation timeout.</exception>
    public IAsyncEnumerable<MapEntry<TKey, TValue>> EnumerateAsync(CancellationToken cancellationToken = default) => ScanAsync(null, cancellationToken);

    /// <summary>Reads the entries behind a key, whether or not that is there: to go on where an enumeration was left.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Cancels the enumeration.</param>
    /// <returns>The entries.</returns>
    /// <exception cref="ArgumentException">The key is null, too long, or not well-formed.</exception>
    /// <inheritdoc cref="EnumerateAsync" path="/exception"/>
    /// <inheritdoc cref="EnumerateAsync" path="/remarks"/>
    public IAsyncEnumerable<MapEntry<TKey, TValue>> EnumerateAfterAsync(TKey key, CancellationToken cancellationToken = default) =>
        ScanAsync(StoreKey(key), cancellationToken);

    /// <summary>
    /// Changes every entry, one after the other in the order of their keys, without a lock: each is compared and set, and the change is made again when
    /// somebody came between, as by <see cref="UpdateAsync"/>. So nobody's change is overwritten. What is as before is not written.
    /// </summary>
    /// <remarks>Entries that come meanwhile may be visited or not; those that go are not brought back. Whatever ends it early, the changes until then are made.</remarks>
    /// <param name="change">From an entry to its new value; null deletes it. It may be called several times for an entry, and must not change the value it is given.</param>
    /// <param name="cancellationToken">Cancels it between two entries, or in one.</param>
    /// <returns>How many entries were changed or deleted.</returns>
    /// <exception cref="StoreFormatException">Some entries could not be read and were left as they are; the message says how many, and names the first.
    /// All the others were visited.</exception>
    /// <inheritdoc cref="SetAsync" path="/exception"/>
    public async ValueTask<long> UpdateAllAsync(Func<MapEntry<TKey, TValue>, TValue?> change, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(change);
        long changed = 0;
        long unreadable = 0;
        StoreFormatException? first = null;
        await foreach (var found in _table.ScanAsync(null, cancellationToken).ConfigureAwait(false))
        {
            StoreFormatException? error = null;
            var (_, revision) = await _table.ChangeAsync(
                found.Key,
                found,
                now =>
                {
                    // gone meanwhile: that is somebody's change too
                    var entry = now is null ? null : new MapEntry<TKey, TValue>(this, now);
                    error = entry?.Error;
                    return entry is null || error is not null ? null : ToWrite(found.Key, now, change(entry));
                },
                cancellationToken).ConfigureAwait(false);
            changed += revision == 0 ? 0 : 1;
            unreadable += error is null ? 0 : 1;
            first ??= error;
        }

        return first is null ? changed : throw new StoreFormatException(
            $"{unreadable} of the entries of the map '{Name}' could not be read and were left as they are; all others were visited, {changed} changed. The first: {first.Message}", first);
    }

    /// <summary>The lock of a key: an ordinary lock, that <see cref="ConclaveClient.Lock"/> gives by its name too. The map itself does not ask for it.</summary>
    /// <param name="key">The key; it need not be there.</param>
    /// <returns>The lock. Its name is <see cref="MapEntry{TKey, TValue}.StoreKey"/>, or <c>map/</c> and its SHA-256 in hexadecimal where that is longer than a name may be.</returns>
    /// <exception cref="ArgumentException">The key is null, too long, or not well-formed.</exception>
    public DistributedLock Lock(TKey key)
    {
        string storeKey = StoreKey(key);
        return new(_table.Coordinator, Encoding.UTF8.GetByteCount(storeKey) <= StoreLimits.MaxNameBytes
            ? storeKey
            : $"{MapKeys.Kind}/{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(storeKey)))}");
    }

    internal bool TryReadKey(string storeKey, [MaybeNullWhen(false)] out TKey key, [NotNullWhen(false)] out StoreFormatException? error)
    {
        try
        {
            key = _format.FromText(MapKeys.Unescape(storeKey[_table.Prefix.Length..]));
            if (key is not null && _table.Prefix + MapKeys.Escape(_format.ToText(key)) == storeKey)
            {
                error = null;
                return true;
            }

            error = new($"What is stored under '{storeKey}' is no entry of the map '{Name}': its key would be stored in another way.");
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            error = new($"What is stored under '{storeKey}' is no entry of the map '{Name}': it is no key of type {typeof(TKey).Name}. {e.Message}", e);
        }

        key = default;
        return false;
    }

    internal bool TryReadValue(Entry entry, [MaybeNullWhen(false)] out TValue value, [NotNullWhen(false)] out StoreFormatException? error)
    {
        try
        {
            value = _serializer.Deserialize(entry.Value);
            error = value is null ? Damaged("it is null") : null;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            value = default;
            error = Damaged(e.Message, e);
        }

        return error is null;

        StoreFormatException Damaged(string why, Exception? cause = null) => new(
            $"What the map '{Name}' has under the key '{_table.Shown(entry.Key)}' is no value of type {typeof(TValue).Name}: {why} Put it right, or delete it.", cause);
    }

    private async IAsyncEnumerable<MapEntry<TKey, TValue>> ScanAsync(string? after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var entry in _table.ScanAsync(after, cancellationToken).ConfigureAwait(false))
        {
            yield return new(this, entry);
        }
    }

    private MapEntry<TKey, TValue>? Readable(Entry? entry)
    {
        if (entry is null)
        {
            return null;
        }

        var readable = new MapEntry<TKey, TValue>(this, entry);
        return readable.Error is { } error ? throw error : readable;
    }

    /// <summary>What is to be written; null when there is nothing to change.</summary>
    private Write? ToWrite(string storeKey, Entry? before, TValue? value)
    {
        if (value is null)
        {
            return before is null ? null : Write.Delete(storeKey);
        }

        var bytes = ToBytes(storeKey, value);
        return before is not null && before.Value.Span.SequenceEqual(bytes.Span) ? null : Write.Put(storeKey, bytes);
    }

    private ReadOnlyMemory<byte> ToBytes(string storeKey, TValue value)
    {
        if (value is null)
        {
            throw new ArgumentNullException(nameof(value), $"The map '{Name}' holds no null; delete the key '{_table.Shown(storeKey)}' instead.");
        }

        var bytes = new ArrayBufferWriter<byte>();
        _serializer.Serialize(value, bytes);
        return bytes.WrittenCount <= MaxValueBytes
            ? bytes.WrittenMemory
            : throw new ArgumentException(string.Create(
                null, $"The value for the key '{_table.Shown(storeKey)}' of the map '{Name}' does not fit: it has {bytes.WrittenCount:N0} bytes, and {MaxValueBytes:N0} are the most."), nameof(value));
    }

    private string StoreKey(TKey key)
    {
        if (key is null)
        {
            throw new ArgumentNullException(nameof(key), $"A key of the map '{Name}' must not be null.");
        }

        string storeKey = _table.Prefix + MapKeys.Escape(_format.ToText(key));
        try
        {
            _ = StoreLimits.CheckText(storeKey, "key with the name of its map", StoreLimits.MaxKeyBytes);
            return storeKey;
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"The key '{_table.Shown(storeKey)}' of the map '{Name}' is refused. {e.Message}", nameof(key), e);
        }
    }
}
