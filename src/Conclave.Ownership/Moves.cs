using Conclave.Storage;

namespace Conclave.Ownership;

/// <summary>
/// The transactions by which owners and waiters meet. Each answers with everything there is about the key. All but the first two are tied to
/// an entry of their own as it was, so they are applied once at most, however late they land.
/// </summary>
internal static class Moves
{
    // of 56 operations, with what else is in the same transaction
    private const int MostSkipped = 40;

    /// <summary>Becomes the owner, or a new one, if there is no record.</summary>
    public static Transaction TakeAbsent(OwnerKeys keys, byte[] record) =>
        keys.With([Condition.Absent(keys.Record)], [Write.Put(keys.Record, record)]);

    /// <summary>Stands in line.</summary>
    public static Transaction Wait(OwnerKeys keys, string slug, byte[] waiter) =>
        keys.With([Condition.Absent(keys.Waiter(slug))], [Write.Put(keys.Waiter(slug), waiter)]);

    /// <summary>Becomes the owner out of the line, if there is no record.</summary>
    public static Transaction TakeAbsent(OwnerKeys keys, Entry mine, byte[] record) =>
        keys.With([Condition.Absent(keys.Record), Condition.Unchanged(mine.Key, mine.Revision)], [Write.Put(keys.Record, record), Write.Delete(mine.Key)]);

    /// <summary>Becomes the owner if the record is still as it was seen, and leaves the line, with all who stood before if it skips them.</summary>
    public static Transaction Take(KeyState seen, int place, bool skips, byte[] record)
    {
        if (place < 0)
        {
            return seen.Keys.With([seen.RecordUnchanged], [Write.Put(seen.Keys.Record, record)]);
        }

        var mine = seen.Waiters[place];
        var skipped = seen.Waiters.AsSpan(0, skips ? Math.Min(place, MostSkipped) : 0);
        Write[] writes = [Write.Put(seen.Keys.Record, record), Write.Delete(mine.Key), .. Deletes(skipped)];
        return seen.Keys.With([seen.RecordUnchanged, Condition.Unchanged(mine.Key, mine.Revision)], writes);
    }

    /// <summary>Goes on being the owner.</summary>
    public static Transaction Refresh(KeyState seen, byte[] record) => seen.Keys.With([seen.RecordUnchanged], [Write.Put(seen.Keys.Record, record)]);

    /// <summary>
    /// Takes everything of one acquisition away: its place in line, and its record, which the first who waits gets. So nobody can come between,
    /// and the next one learns of it by one hint.
    /// </summary>
    public static Transaction Withdraw(KeyState seen, string slug, DateTimeOffset now)
    {
        var keys = seen.Keys;
        var conditions = new List<Condition>(3);
        var writes = new List<Write>(3);
        if (seen.PlaceOf(slug) is >= 0 and var place)
        {
            conditions.Add(Condition.Unchanged(seen.Waiters[place].Key, seen.Waiters[place].Revision));
            writes.Add(Write.Delete(seen.Waiters[place].Key));
        }

        if (seen.IsOwnedBy(slug))
        {
            conditions.Add(seen.RecordUnchanged);
            if (Next(seen, slug) is var (next, record))
            {
                conditions.Add(Condition.Unchanged(next.Key, next.Revision));
                writes.Add(Write.Put(keys.Record, record.Renewed(now, record.Lasts!.Value).ToBytes()));
                writes.Add(Write.Delete(next.Key));
            }
            else
            {
                writes.Add(Write.Delete(keys.Record));
            }
        }

        return keys.With([.. conditions], [.. writes]);
    }

    /// <summary>The first who waits and says what its record is to be; others have to help themselves.</summary>
    private static (Entry Entry, OwnerRecord Record)? Next(KeyState seen, string slug)
    {
        foreach (var waiter in seen.Waiters)
        {
            if (OwnerRecord.TryParse(waiter.Value) is { Lasts: not null } record
                && Slug.Of(record.Owner).SequenceEqual(waiter.Key.AsSpan(seen.Keys.Waiters.Length)) && !record.IsOf(slug))
            {
                return (waiter, record);
            }
        }

        return null;
    }

    private static Write[] Deletes(ReadOnlySpan<Entry> entries)
    {
        var deletes = new Write[entries.Length];
        for (int i = 0; i < entries.Length; i++)
        {
            deletes[i] = Write.Delete(entries[i].Key);
        }

        return deletes;
    }
}
