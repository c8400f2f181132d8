namespace Conclave;

/// <summary>A change of a map.</summary>
/// <typeparam name="TKey">The keys.</typeparam>
/// <typeparam name="TValue">The values.</typeparam>
public sealed class MapChange<TKey, TValue>
    where TKey : notnull
{
    private readonly MapEntry<TKey, TValue> _entry;

    internal MapChange(MapChangeKind kind, MapEntry<TKey, TValue> entry) => (Kind, _entry) = (kind, entry);

    /// <summary>What happened.</summary>
    public MapChangeKind Kind { get; }

    /// <summary>To which key.</summary>
    /// <exception cref="StoreFormatException">What it is stored under is no key of this map; <see cref="StoreKey"/> tells what it is.</exception>
    public TKey Key => _entry.Key;

    /// <summary>The entry as it is now; null when it was deleted.</summary>
    public MapEntry<TKey, TValue>? Entry => Kind == MapChangeKind.Set ? _entry : null;

    /// <summary>The revision of the change. When it was deleted: a revision at which it was gone, not before that of the delete.</summary>
    public long Revision => _entry.Revision;

    /// <summary>What the store has, or had, it under: <c>map/name/key</c>, escaped.</summary>
    public string StoreKey => _entry.StoreKey;

    /// <summary>The change without the value.</summary>
    public override string ToString() => $"{Kind} {_entry}";
}

/// <summary>What can happen to a key of a map.</summary>
public enum MapChangeKind
{
    /// <summary>It has a value now: a first one or another one.</summary>
    Set,

    /// <summary>It is gone.</summary>
    Deleted,
}
