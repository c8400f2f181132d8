using System.Collections.Immutable;
using Conclave.Storage;

namespace Conclave.Ownership;

/// <summary>Everything there is about one key, in one answer of the store.</summary>
internal sealed class KeyState
{
    /// <exception cref="StoreFormatException">The record is none.</exception>
    public KeyState(OwnerKeys keys, CommitResult answer, long receivedAt)
    {
        (Keys, Accepted, Revision, ReceivedAt) = (keys, answer.Accepted, answer.Revision, receivedAt);
        RecordEntry = answer.Get(0);
        Waiters = answer.Reads[1].Length < 2 ? answer.Reads[1] : [.. answer.Reads[1].OrderBy(w => w.CreateRevision)];
        Record = RecordEntry is null ? null : OwnerRecord.TryParse(RecordEntry.Value)
            ?? throw new StoreFormatException($"What is stored under '{keys.Record}' is no record of an owner; put it right or delete it.");
    }

    public OwnerKeys Keys { get; }

    /// <summary>Whether the commit that was answered was accepted.</summary>
    public bool Accepted { get; }

    public long Revision { get; }

    /// <summary>When the answer came, on our own clock.</summary>
    public long ReceivedAt { get; }

    public Entry? RecordEntry { get; }

    public OwnerRecord? Record { get; }

    /// <summary>Who waits, first come first.</summary>
    public ImmutableArray<Entry> Waiters { get; }

    /// <summary>True when nobody owns the key.</summary>
    public bool IsFree => Record is null or { IsReleased: true };

    /// <summary>Whether an acquisition owns the key.</summary>
    public bool IsOwnedBy(string slug) => Record is { IsReleased: false } record && record.IsOf(slug);

    /// <summary>The place of an acquisition among those who wait, from 0; -1 when it is not there.</summary>
    public int PlaceOf(string slug)
    {
        for (int i = 0; i < Waiters.Length; i++)
        {
            if (Waiters[i].Key.AsSpan(Keys.Waiters.Length).SequenceEqual(slug))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>That the record is as it is in this answer.</summary>
    public Condition RecordUnchanged => RecordEntry is { } entry ? Condition.Unchanged(entry.Key, entry.Revision) : Condition.Absent(Keys.Record);
}
