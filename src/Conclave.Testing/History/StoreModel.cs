using System.Collections.Immutable;
using System.Text;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>
/// What a store is, as a value: entries and sessions. Written for being obvious, and apart from every engine. A revision that nobody saw is
/// negative, and equal to no other.
/// </summary>
internal sealed class StoreModel
{
    private readonly ImmutableSortedDictionary<string, Entry> _entries;
    private readonly ImmutableDictionary<SessionId, bool> _sessions;

    private StoreModel(ImmutableSortedDictionary<string, Entry> entries, ImmutableDictionary<SessionId, bool> sessions, ulong hash) =>
        (_entries, _sessions, Hash) = (entries, sessions, hash);

    public static StoreModel Empty { get; } = new(ImmutableSortedDictionary.Create<string, Entry>(CodePoints.Instance), ImmutableDictionary<SessionId, bool>.Empty, 0);

    /// <summary>Equal for equal models; different for different ones, as far as 64 bits go.</summary>
    public ulong Hash { get; }

    public IEnumerable<Entry> Entries => _entries.Values;

    public Entry? Find(string key) => _entries.GetValueOrDefault(key);

    public bool Knows(SessionId session) => _sessions.ContainsKey(session);

    public bool IsAlive(SessionId session) => _sessions.GetValueOrDefault(session);

    public bool Owns(SessionId session) => _entries.Values.Any(e => e.Session == session);

    public bool Holds(Condition condition) => (Find(condition.Key)?.Revision ?? 0) == condition.Revision;

    public SessionId? DeadSession(Transaction transaction)
    {
        foreach (var write in transaction.Writes)
        {
            if (write.Session is { } session && !IsAlive(session))
            {
                return session;
            }
        }

        return null;
    }

    public bool IsChangedBy(Transaction transaction) => transaction.Writes.Any(w => !w.IsDelete || _entries.ContainsKey(w.Key));

    public StoreModel Apply(Transaction transaction, long revision)
    {
        var model = this;
        foreach (var write in transaction.Writes)
        {
            var old = model.Find(write.Key);
            model = model.Set(write.Key, write.IsDelete
                ? null
                : new(write.Key, write.Value, old?.CreateRevision ?? revision, revision, old is null ? write.Session : old.Session));
        }

        return model;
    }

    public StoreModel Set(string key, Entry? entry)
    {
        var old = Find(key);
        ulong hash = Hash ^ HashOf(old) ^ HashOf(entry);
        return new(entry is null ? _entries.Remove(key) : _entries.SetItem(key, entry), _sessions, hash);
    }

    public StoreModel Open(SessionId session) => new(_entries, _sessions.SetItem(session, true), Hash ^ HashOf(session, true));

    /// <summary>Closed or expired: the same.</summary>
    public StoreModel End(SessionId session)
    {
        var model = this;
        foreach (var entry in _entries.Values)
        {
            model = entry.Session == session ? model.Set(entry.Key, null) : model;
        }

        return new(model._entries, _sessions.SetItem(session, false), model.Hash ^ HashOf(session, true) ^ HashOf(session, false));
    }

    public IEnumerable<Entry> Answer(Read read) => !read.IsScan
        ? Find(read.Key) is { } found ? [found] : []
        : _entries.Values
            .Where(e => e.Key.StartsWith(read.Key, StringComparison.Ordinal) && (read.StartAfter is null || CodePoints.Instance.Compare(e.Key, read.StartAfter) > 0))
            .Take(read.Limit);

    // who wrote an entry is known by its revision, so its value need not be hashed
    private static ulong HashOf(Entry? entry) => entry is null
        ? 0
        : Both(HashCode.Combine(entry.Key, entry.Revision, entry.CreateRevision, entry.Session), HashCode.Combine(entry.Session, entry.CreateRevision, entry.Revision, entry.Key, 1));

    private static ulong HashOf(SessionId session, bool alive) => Both(HashCode.Combine(session, alive), HashCode.Combine(alive, session, 2));

    private static ulong Both(int high, int low) => ((ulong)(uint)high << 32) | (uint)low;

    /// <summary>The order of UTF-8 bytes is the order of code points.</summary>
    internal sealed class CodePoints : IComparer<string>
    {
        public static CodePoints Instance { get; } = new();

        public int Compare(string? x, string? y)
        {
            var left = x!.EnumerateRunes();
            var right = y!.EnumerateRunes();
            while (true)
            {
                bool more = left.MoveNext();
                if (more != right.MoveNext())
                {
                    return more ? 1 : -1;
                }

                if (!more)
                {
                    return 0;
                }

                int order = left.Current.CompareTo(right.Current);
                if (order != 0)
                {
                    return order;
                }
            }
        }
    }
}
