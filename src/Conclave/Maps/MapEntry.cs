using System.Diagnostics.CodeAnalysis;
using Conclave.Storage;

namespace Conclave;

/// <summary>One entry of a map, as it was at the instant of a read.</summary>
/// <remarks>An entry that somebody else has damaged is an entry all the same: it has a revision and the key it is stored under, and reading the part
/// that is no good throws. So the others stay readable.</remarks>
/// <typeparam name="TKey">The keys.</typeparam>
/// <typeparam name="TValue">The values.</typeparam>
public sealed class MapEntry<TKey, TValue>
    where TKey : notnull
{
    private readonly DistributedMap<TKey, TValue> _map;
    private readonly Entry _entry;
    private (bool IsRead, TKey? Key, StoreFormatException? Error) _key;
    private (bool IsRead, TValue? Value, StoreFormatException? Error) _value;

    internal MapEntry(DistributedMap<TKey, TValue> map, Entry entry) => (_map, _entry) = (map, entry);

    /// <summary>The key.</summary>
    /// <exception cref="StoreFormatException">What it is stored under is no key of this map.</exception>
    public TKey Key
    {
        get
        {
            _key = _key.IsRead ? _key : (true, _map.TryReadKey(_entry.Key, out var key, out var error) ? key : default, error);
            return _key.Error is null ? _key.Key! : throw _key.Error;
        }
    }

    /// <summary>The value.</summary>
    /// <exception cref="StoreFormatException">What is stored is no value of this map.</exception>
    public TValue Value
    {
        get
        {
            _value = _value.IsRead ? _value : (true, _map.TryReadValue(_entry, out var value, out var error) ? value : default, error);
            return _value.Error is null ? _value.Value! : throw _value.Error;
        }
    }

    /// <summary>The revision of the last change, to be given to <see cref="DistributedMap{TKey, TValue}.TrySetAsync"/>. It grows with every change of the entry.</summary>
    public long Revision => _entry.Revision;

    /// <summary>What the store has it under: <c>map/name/key</c>, escaped.</summary>
    public string StoreKey => _entry.Key;

    /// <summary>What is wrong with the entry, or null when both <see cref="Key"/> and <see cref="Value"/> can be read.</summary>
    public StoreFormatException? Error
    {
        get
        {
            try
            {
                _ = Key;
                _ = Value;
                return null;
            }
            catch (StoreFormatException e)
            {
                return e;
            }
        }
    }

    /// <summary>Takes it apart: <c>foreach (var (key, value) in …)</c>.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="StoreFormatException">What is stored is no entry of this map.</exception>
    public void Deconstruct(out TKey key, out TValue value) => (key, value) = (Key, Value);

    /// <summary>The entry without its value.</summary>
    public override string ToString() => $"{StoreKey} at revision {Revision}";

    internal Entry Stored => _entry;
}
