using Conclave.Storage;

namespace Conclave.Sqlite;

/// <summary>
/// The sessions in the file and the rules of their ends. Deadlines are nanoseconds of the boot clock, which all processes of one boot and one
/// time namespace share. Every method runs inside a transaction that writes.
/// </summary>
internal sealed class SessionTable(Connection connection, Journal journal)
{
    private readonly Statement _insert = connection.Prepare("INSERT INTO sessions(id, ttl, deadline, owner) VALUES(?1, ?2, ?3, ?4)");
    private readonly Statement _renew = connection.Prepare("UPDATE sessions SET deadline = ttl + ?2 WHERE id = ?1");
    private readonly Statement _exists = connection.Prepare("SELECT 1 FROM sessions WHERE id = ?1");
    private readonly Statement _earliest = connection.Prepare("SELECT min(deadline) FROM sessions");
    private readonly Statement _due = connection.Prepare("SELECT id FROM sessions WHERE deadline <= ?1");
    private readonly Statement _owned = connection.Prepare("SELECT id FROM sessions WHERE owner = ?1");
    private readonly Statement _owners = connection.Prepare("SELECT DISTINCT owner FROM sessions WHERE owner IS NOT NULL AND owner <> ?1");
    private readonly Statement _delete = connection.Prepare("DELETE FROM sessions WHERE id = ?1");

    // No index on the session: it would cost every join and leave a page, and sessions end rarely. The column stands in front of the value,
    // so the scan does not touch overflow pages.
    private readonly Statement _deleteEntries = connection.Prepare("DELETE FROM entries WHERE session = ?1 RETURNING key");

    /// <summary>No session ends by its deadline before this moment. Known without reading, see <see cref="LookForDue"/>.</summary>
    public long NothingDueBefore { get; private set; } = long.MinValue;

    public void Insert(string id, long timeToLive, long now, string? owner)
    {
        _insert.Bind(1, id);
        _insert.Bind(2, timeToLive);
        _insert.Bind(3, now + timeToLive);
        _insert.BindTextOrNull(4, owner);
        _insert.Run();
    }

    public bool Renew(string id, long now)
    {
        _renew.Bind(1, id);
        _renew.Bind(2, now);
        _renew.Run();
        return connection.Changes == 1;
    }

    public bool Exists(string id)
    {
        _exists.Bind(1, id);
        bool exists = _exists.Step();
        _exists.Reset();
        return exists;
    }

    /// <summary>Whether a session's deadline has passed.</summary>
    /// <remarks>
    /// Renewals only move deadlines away, and a session that somebody opens after this look lives for two seconds at least. So one look
    /// tells for a second that nothing can be due, whatever other processes do; the other second is for those that stall while they open one.
    /// </remarks>
    public bool LookForDue(long now)
    {
        if (now < NothingDueBefore)
        {
            return false;
        }

        _earliest.Step();
        long earliest = _earliest.IsNull(0) ? long.MaxValue : _earliest.Integer(0);
        _earliest.Reset();
        NothingDueBefore = Math.Min(earliest, now + (StoreLimits.MinTimeToLive.Ticks * TimeSpan.NanosecondsPerTick / 2));
        return earliest <= now;
    }

    /// <summary>The next look reads again: what the last one saw was rolled back.</summary>
    public void Forget() => NothingDueBefore = long.MinValue;

    public void EndDue(long now)
    {
        if (LookForDue(now))
        {
            _due.Bind(1, now);
            EndAll(_due);
        }
    }

    public void EndOwned(string owner)
    {
        _owned.Bind(1, owner);
        EndAll(_owned);
    }

    /// <summary>Ends one session: it and its entries go in one revision. Without entries there is nothing to see and no revision.</summary>
    public void End(string id)
    {
        _deleteEntries.Bind(1, id);
        var keys = ReadAll(_deleteEntries);
        if (keys.Count > 0)
        {
            journal.Append(keys.ToArray());
        }

        _delete.Bind(1, id);
        _delete.Run();
    }

    /// <summary>The other store objects, mostly of other processes, that have sessions and a liveness file.</summary>
    /// <param name="self">Our own name, or "" without one.</param>
    public List<string> OtherOwners(string self)
    {
        _owners.Bind(1, self.Length == 0 ? "-" : self);
        return ReadAll(_owners);
    }

    private void EndAll(Statement ids)
    {
        foreach (string id in ReadAll(ids))
        {
            End(id);
        }
    }

    private static List<string> ReadAll(Statement statement)
    {
        var texts = new List<string>();
        while (statement.Step())
        {
            texts.Add(statement.Text(0));
        }

        return texts;
    }
}
