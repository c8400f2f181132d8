using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Conclave.Storage;

namespace Conclave.Sqlite;

/// <summary>
/// The open file: everything of the contract that is a transaction in it. Synchronous; <see cref="StoreAccess"/> calls it with one caller at
/// a time. A <c>Try</c> method returns false when another process is writing, and has changed nothing then.
/// </summary>
internal sealed partial class StoreFile : IDisposable
{
    // Every commit copies the pages it touches into the WAL: small ones made a lock's join and leave 40 % faster than the usual 4096 bytes.
    // Smaller still, and a claim with a long name would no longer fit beside three others.
    private const int PageSize = 2048;

    // 16 MB of WAL between checkpoints: each one is an fsync of the file, and a lock's join and leave fill four pages
    private const int CheckpointPages = 8000;

    private readonly Connection _connection;
    private readonly TimeProvider _time;
    private readonly Journal _journal;
    private readonly SessionTable _sessions;
    private readonly EntryTable _entries;

    private StoreFile(Connection connection, string realPath, TimeProvider time, ChangeHints hints)
    {
        (_connection, _time, RealPath) = (connection, time, realPath);
        _journal = new(connection, realPath, hints);
        _sessions = new(connection, _journal);
        _entries = new(connection);
    }

    /// <summary>The path without symbolic links: where the -wal and the liveness files are.</summary>
    public string RealPath { get; }

    public bool HasMoved => _connection.HasMoved;

    /// <summary>Opens the file, makes the tables if it is empty, and ends all sessions if the machine was rebooted.</summary>
    /// <returns>Null when somebody else is writing.</returns>
    public static StoreFile? TryOpen(string path, string realPath, SqliteStoreOptions options, TimeProvider time, ChangeHints hints)
    {
        var incarnation = options.Incarnation ?? Incarnation.Current();
        var connection = Connection.Open(realPath);
        StoreFile? file = null;
        try
        {
            connection.Begin();
            bool isStore = Schema.Recognize(connection, path);
            connection.Commit();
            connection.Execute($"PRAGMA page_size={PageSize}");
            string? mode = connection.Execute("PRAGMA journal_mode=WAL");
            if (mode != "wal")
            {
                throw new StoreConfigurationException(
                    $"The file system of '{path}' cannot share memory between processes (journal mode '{mode}'); put the store on a local disk.");
            }

            connection.Execute($"PRAGMA wal_autocheckpoint={CheckpointPages}");
            connection.Execute("PRAGMA synchronous=NORMAL");
            if (isStore || Schema.TryCreate(connection, path, incarnation.ToString()))
            {
                var opened = new StoreFile(connection, realPath, time, hints);
                file = opened.TryEnter(incarnation, path) ? opened : null;
            }

            return file;
        }
        finally
        {
            if (file is null)
            {
                connection.Dispose();
            }
        }
    }

    /// <summary>Applies a transaction.</summary>
    public bool TryCommit(Transaction transaction, out CommitResult? result)
    {
        if (transaction.IsReadOnly)
        {
            return TryRead(transaction, out result);
        }

        result = null;
        var writes = ImmutableCollectionsMarshal.AsArray(transaction.Writes)!;
        Span<Found> found = stackalloc Found[writes.Length];
        bool durable = PutsDurably(writes);
        while (true)
        {
            if (!_connection.TryBeginImmediate(durable))
            {
                return false;
            }

            _sessions.EndDue(Now());
            if (FindDeadSession(writes) is { } session)
            {
                // also keeps the end of the sessions that were due
                Finish();
                throw new SessionExpiredException($"The session {session} is gone.");
            }

            bool touchesDurable = Look(writes, found);
            if (!Holds(transaction, writes, found))
            {
                result = new(false, _journal.Newest(), Answer(transaction.Reads));
                Finish();
                return true;
            }

            if (touchesDurable && !durable)
            {
                // once more, and this time wait for the disk
                Finish();
                durable = true;
                continue;
            }

            long revision = Apply(writes, found);
            result = new(true, revision, Answer(transaction.Reads));
            Finish(ofEntries: true);
            return true;
        }
    }

    public bool TryOpenSession(string id, TimeSpan timeToLive, string? owner)
    {
        if (!TryBegin())
        {
            return false;
        }

        _sessions.Insert(id, timeToLive.Ticks * TimeSpan.NanosecondsPerTick, Now(), owner);
        Finish();
        return true;
    }

    public bool TryRenewSession(string id, out bool alive)
    {
        alive = TryBegin();
        if (!alive)
        {
            return false;
        }

        alive = _sessions.Renew(id, Now());
        Finish();
        return true;
    }

    public bool TryEndSession(string id)
    {
        if (!TryBegin())
        {
            return false;
        }

        _sessions.End(id);
        Finish();
        return true;
    }

    /// <summary>Ends the sessions of a store object whose process is gone.</summary>
    public bool TryEndOwned(string owner)
    {
        if (!TryBegin())
        {
            return false;
        }

        _sessions.EndOwned(owner);
        Finish();
        return true;
    }

    /// <inheritdoc cref="SessionTable.OtherOwners"/>
    public List<string> OtherOwners(string self) => _sessions.OtherOwners(self);

    /// <summary>Ends what is due, hears what others changed, and wakes who waits for it.</summary>
    /// <param name="untilDue">How long nothing becomes due.</param>
    public bool TryCatchUp(out TimeSpan untilDue)
    {
        untilDue = default;
        if (_sessions.LookForDue(Now()))
        {
            if (!TryBegin())
            {
                return false;
            }

            Finish();
        }

        _journal.CatchUp();
        untilDue = TimeSpan.FromTicks((_sessions.NothingDueBefore - Now()) / TimeSpan.NanosecondsPerTick);
        return true;
    }

    /// <inheritdoc cref="Journal.StopAnnouncing"/>
    public void StopAnnouncing() => _journal.StopAnnouncing();

    /// <summary>Makes the connection usable again after any failure.</summary>
    public void Rollback()
    {
        _journal.Drop();
        _sessions.Forget();
        _connection.Rollback();
    }

    /// <summary>For tests: sets the most pages the file may have, which is a full disk.</summary>
    internal void LimitPages(int pages) => _connection.Execute($"PRAGMA max_page_count={pages}");

    public void Dispose() => _connection.Dispose();

    private bool TryBegin()
    {
        if (!_connection.TryBeginImmediate(durable: false))
        {
            return false;
        }

        _sessions.EndDue(Now());
        return true;
    }

    private void Finish(bool ofEntries = false)
    {
        _connection.Commit(ofEntries);
        _journal.Announce();
    }

    private bool TryRead(Transaction transaction, out CommitResult? result)
    {
        result = null;
        if (_sessions.LookForDue(Now()))
        {
            if (!TryBegin())
            {
                return false;
            }

            Finish();
        }

        _connection.Begin();
        bool accepted = Holds(transaction, [], []);
        result = new(accepted, _journal.Newest(), Answer(transaction.Reads));
        _connection.Commit();
        return true;
    }

    private static bool PutsDurably(ReadOnlySpan<Write> writes)
    {
        foreach (ref readonly var write in writes)
        {
            if (!write.IsDelete && write.Session is null)
            {
                return true;
            }
        }

        return false;
    }

    private string? FindDeadSession(ReadOnlySpan<Write> writes)
    {
        string? alive = null;
        foreach (ref readonly var write in writes)
        {
            if (write.Session is { Value: var session } && (session != alive || session is null))
            {
                if (session is null || !_sessions.Exists(session))
                {
                    return session ?? "";
                }

                alive = session;
            }
        }

        return null;
    }

    private bool Look(ReadOnlySpan<Write> writes, Span<Found> found)
    {
        bool touchesDurable = false;
        for (int i = 0; i < writes.Length; i++)
        {
            found[i] = _entries.Look(writes[i].Key);
            touchesDurable |= found[i].IsDurable;
        }

        return touchesDurable;
    }

    private bool Holds(Transaction transaction, ReadOnlySpan<Write> writes, ReadOnlySpan<Found> found)
    {
        foreach (var condition in transaction.Conditions)
        {
            int known = 0;
            while (known < writes.Length && writes[known].Key != condition.Key)
            {
                known++;
            }

            long revision = known < writes.Length ? found[known].Revision : _entries.Look(condition.Key).Revision;
            if (revision != condition.Revision)
            {
                return false;
            }
        }

        return true;
    }

    private long Apply(ReadOnlySpan<Write> writes, ReadOnlySpan<Found> found)
    {
        var keys = new string[writes.Length];
        int changed = 0;
        for (int i = 0; i < writes.Length; i++)
        {
            if (!writes[i].IsDelete || found[i].Revision != 0)
            {
                keys[changed++] = writes[i].Key;
            }
        }

        if (changed == 0)
        {
            // deleting what is absent changes nothing
            return _journal.Newest();
        }

        long revision = _journal.Append(keys.AsSpan(0, changed));
        for (int i = 0; i < writes.Length; i++)
        {
            bool exists = found[i].Revision != 0;
            if (!writes[i].IsDelete)
            {
                _entries.Put(writes[i], exists, revision);
            }
            else if (exists)
            {
                _entries.Delete(writes[i].Key);
            }
        }

        return revision;
    }

    private ImmutableArray<ImmutableArray<Entry>> Answer(ImmutableArray<Read> reads)
    {
        if (reads.IsEmpty)
        {
            return [];
        }

        var answers = new ImmutableArray<Entry>[reads.Length];
        for (int i = 0; i < answers.Length; i++)
        {
            answers[i] = reads[i].IsScan ? _entries.Scan(reads[i]) : _entries.Get(reads[i].Key);
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(answers);
    }

    private long Now()
    {
        long timestamp = _time.GetTimestamp();
        return _time.TimestampFrequency == 1_000_000_000
            ? timestamp
            : (long)((Int128)timestamp * 1_000_000_000 / _time.TimestampFrequency);
    }
}
