using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Conclave.Storage;

namespace Conclave.Samples;

/// <summary>The state of the store, as files. Whoever calls has the turn; nothing is kept in memory between two turns.</summary>
internal sealed class StoreFiles(StoreFolder folder, TimeProvider time)
{
    /// <summary>For how many revisions the changed keys are known; who is further behind reads everything again.</summary>
    public const int ChangesKept = 512;

    private const int RevisionsAReboot = 1 << 24;

    private string? _boot;

    public long Revision => folder.Read(FileNames.Revision) is { } content ? FileContents.Number(Encoding.UTF8.GetString(content)) : 0;

    // <commit>
    public CommitResult Commit(Transaction transaction)
    {
        foreach (var write in transaction.Writes)
        {
            if (write.Session is { } session && !IsAlive(session))
            {
                throw new SessionExpiredException($"The session {session} is gone.");
            }
        }

        bool accepted = transaction.Conditions.All(c => (Find(c.Key)?.Revision ?? 0) == c.Revision);
        if (accepted)
        {
            var changes = new StoreChanges(Revision + 1);
            foreach (var write in transaction.Writes)
            {
                var old = Find(write.Key);
                if (!write.IsDelete)
                {
                    changes.Put(write, old);
                }
                else if (old is not null)
                {
                    changes.Delete(write.Key);
                }
            }

            Apply(changes);
        }

        return new(accepted, Revision, [.. transaction.Reads.Select(Answer)]);
    }

    private ImmutableArray<Entry> Answer(Read read) => read.IsScan
        ? [.. Keys(read.Key)
            .Where(k => read.StartAfter is null || KeyOrder.Instance.Compare(k, read.StartAfter) > 0)
            .Order(KeyOrder.Instance)
            .Take(read.Limit)
            .Select(k => Find(k)!)]
        : Find(read.Key) is { } entry ? [entry] : [];
    // </commit>

    public SessionGrant Open(TimeSpan timeToLive)
    {
        // random, so that no counter can fall back and give an id twice
        var id = new SessionId(Guid.NewGuid().ToString("n"));
        Renew(id, timeToLive);
        return new(id, timeToLive);
    }

    public bool Renew(SessionId id)
    {
        if (folder.Read(FileNames.OfSession(id.Value)) is not { } content)
        {
            return false;
        }

        Renew(id, Parse(content).TimeToLive);
        return true;
    }

    // <expire>
    /// <summary>Ends every session that was not renewed for its time to live. The first thing in every turn: nobody sees the dead.</summary>
    public void Expire()
    {
        var dead = folder.List(FileNames.Sessions, FileNames.SessionEnding).Where(f => IsOver(folder.Read(f)!)).Select(FileNames.SessionOf).ToHashSet();
        if (dead.Count > 0)
        {
            End(dead, new(Revision + 1));
        }
    }
    // </expire>

    public bool Close(SessionId id)
    {
        bool alive = IsAlive(id);
        if (alive)
        {
            End([id.Value], new(Revision + 1));
        }

        return alive;
    }

    // <end>
    // slow, and said so: the entries of a session are found by looking at all entries
    private void End(HashSet<string> sessions, StoreChanges changes)
    {
        foreach (string key in Keys("").Where(k => Find(k)!.Session is { } session && sessions.Contains(session.Value)))
        {
            changes.Delete(key);
        }

        foreach (string session in sessions)
        {
            changes.Files[FileNames.OfSession(session)] = null;
        }

        Apply(changes);
    }
    // </end>

    // <renew>
    private void Renew(SessionId id, TimeSpan timeToLive)
    {
        // the stamp is taken now, after the renewal was sent: a session may live a little longer than promised, never shorter
        string content = string.Create(CultureInfo.InvariantCulture, $"{timeToLive.Ticks} {time.GetTimestamp()}");
        folder.Apply(new Dictionary<string, byte[]?> { [FileNames.OfSession(id.Value)] = Encoding.UTF8.GetBytes(content) });
    }

    private bool IsOver(byte[] content)
    {
        var (timeToLive, renewed) = Parse(content);
        return time.GetElapsedTime(renewed) >= timeToLive;
    }
    // </renew>

    private bool IsAlive(SessionId id) => folder.Has(FileNames.OfSession(id.Value));

    /// <summary>After a reboot the clock of the sessions began anew and no holder lives: all sessions end, and tokens rise.</summary>
    public void CheckIncarnation()
    {
        string mine = $"1 {_boot ??= BootId()}";
        string? last = folder.Read(FileNames.Incarnation) is { } content ? Encoding.UTF8.GetString(content) : null;
        if (last == mine)
        {
            return;
        }

        var changes = new StoreChanges(Revision + (last is null ? 1 : RevisionsAReboot));
        changes.Files[FileNames.Incarnation] = Encoding.UTF8.GetBytes(mine);
        if (last is null)
        {
            Apply(changes);
            return;
        }

        if (!last.StartsWith("1 ", StringComparison.Ordinal))
        {
            throw new StoreFormatException("The store was written by a newer version.");
        }

        var epoch = Find(StoreNames.EpochKey);
        byte[] raised = StoreEpoch.ToValue((epoch is null ? 0 : StoreEpoch.Parse(epoch.Value.Span)) + 1);
        changes.Put(Write.Put(StoreNames.EpochKey, raised), epoch);
        End([.. folder.List(FileNames.Sessions, FileNames.SessionEnding).Select(FileNames.SessionOf)], changes);
    }
    private static string BootId()
    {
        const string file = "/proc/sys/kernel/random/boot_id";
        return File.Exists(file) ? File.ReadAllText(file).Trim() : throw new StoreConfigurationException($"A store in a directory needs '{file}' to recognize a reboot.");
    }

    /// <summary>The keys that a revision changed, or null when that is forgotten.</summary>
    public string[]? ChangedKeys(long revision) =>
        folder.Read(FileNames.OfChange(revision)) is { } content && Encoding.UTF8.GetString(content).Split('\n') is [var first, .. var keys]
            && FileContents.Number(first) == revision ? keys : null;

    private void Apply(StoreChanges changes)
    {
        changes.Close();
        if (changes.Files.Count > 0)
        {
            folder.Apply(changes.Files);
        }
    }

    private Entry? Find(string key) => folder.Read(FileNames.OfEntry(key)) is { } content ? FileContents.ToEntry(key, content) : null;

    private IEnumerable<string> Keys(string prefix) => folder.List(FileNames.Entries, FileNames.EntryEnding)
        .Select(FileNames.KeyOf)
        .Where(k => k.StartsWith(prefix, StringComparison.Ordinal));

    private static (TimeSpan TimeToLive, long Renewed) Parse(byte[] content) =>
        FileContents.Numbers(content) is [var ticks, var renewed] ? (new(FileContents.Number(ticks)), FileContents.Number(renewed)) : throw FileContents.Damaged();
}
