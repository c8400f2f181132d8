namespace Conclave.Bugs;

internal static partial class BugList
{
    private const string StoreFileFile = "src/Conclave.Sqlite/Database/StoreFile.cs";
    private const string EntryTableFile = "src/Conclave.Sqlite/Database/EntryTable.cs";
    private const string SessionTableFile = "src/Conclave.Sqlite/Database/SessionTable.cs";
    private const string JournalFile = "src/Conclave.Sqlite/Database/Journal.cs";

    private static Bug[] Sqlite =>
    [
        new("sqlite-renewal-revives", Area.Sqlite,
            "A renewal that comes late brings a session back that nobody has buried yet.",
            new Edit(StoreFileFile, "alive = TryBegin();", "alive = $BUG ? _connection.TryBeginImmediate(durable: false) : TryBegin();")),
        new("sqlite-keys-ignore-case", Area.Sqlite,
            "Keys that differ in case only are one key.",
            new Edit("src/Conclave.Sqlite/Database/Schema.cs", "in Tables.Split(",
                "in ($BUG ? Tables.Replace(\"key TEXT NOT NULL PRIMARY KEY, session\", \"key TEXT COLLATE NOCASE NOT NULL PRIMARY KEY, session\") : Tables).Split(")),
        new("sqlite-keys-in-the-order-of-utf16", Area.Sqlite,
            "Scans are ordered by UTF-16 units instead of UTF-8 bytes.",
            new Edit(EntryTableFile, "return found.DrainToImmutable();", "if ($BUG) { found.Sort((x, y) => string.CompareOrdinal(x.Key, y.Key)); } $CODE")),
        new("sqlite-touches-nothing", Area.Sqlite,
            "Other processes are not told that something has changed, and look only once a second.",
            new Edit(JournalFile, "Native.Touch(_path);", "if (!$BUG) { $CODE }")),
        new("sqlite-announces-before-the-commit", Area.Sqlite,
            "Who waits is woken before the commit is visible, and not again.",
            new Edit(StoreFileFile,
                "_connection.Commit(ofEntries);\n        _journal.Announce();",
                "if ($BUG) { _journal.Announce(); _connection.Commit(ofEntries); } else { $CODE }")),
        new("sqlite-conditions-outside", Area.Sqlite,
            "Conditions are looked at before the transaction begins: another process may have changed what they saw.",
            new Edit(StoreFileFile,
                "bool durable = PutsDurably(writes);",
                """
                $CODE
                bool heldBefore = false;
                if ($BUG)
                {
                    Look(writes, found);
                    heldBefore = Holds(transaction, writes, found);
                    Thread.Yield();
                }
                """),
            new Edit(StoreFileFile, "if (!Holds(transaction, writes, found))", "if ($BUG ? !heldBefore : !Holds(transaction, writes, found))")),
        new("sqlite-reads-show-the-dead", Area.Sqlite,
            "Who only reads sees the entries of sessions that have expired.",
            new Edit(StoreFileFile, "result = null;\n        if (_sessions.LookForDue(Now()))", "result = null;\n        if (!$BUG && _sessions.LookForDue(Now()))")),
        new("sqlite-session-closes-in-steps", Area.Sqlite,
            "The entries of a session that is closed go one by one: somebody sees a part of them.",
            new Edit(StoreFileFile,
                "    public bool TryEndSession(string id)\n    {\n",
                """
                $CODE
                if ($BUG)
                {
                    var owned = _connection.Prepare("SELECT key FROM entries WHERE session = ?1");
                    owned.Bind(1, id);
                    var keys = new List<string>();
                    while (owned.Step())
                    {
                        keys.Add(owned.Text(0));
                    }

                    foreach (string key in keys)
                    {
                        if (!TryBegin())
                        {
                            return false;
                        }

                        _ = _journal.Append([key]);
                        _entries.Delete(key);
                        Finish();
                    }
                }

                """)),
        new("sqlite-dispose-leaves-the-waiters", Area.Sqlite,
            "Disposing the store does not end who waits in it.",
            new Edit("src/Conclave.Sqlite/SqliteStore.cs", "        _hints.Dispose();", "if (!$BUG) { $CODE }")),
        new("sqlite-revisions-begin-anew", Area.Sqlite,
            "The journal is emptied when the file is opened, and revisions count from one again: tokens fall after a restart.",
            new Edit("src/Conclave.Sqlite/Database/StoreFile.Reboot.cs", "        if (stored == current)\n        {\n", "$CODE if ($BUG) { _connection.Execute(\"DELETE FROM journal\"); }\n")),
        new("sqlite-entry-changes-its-session", Area.Sqlite,
            "An entry belongs to the session of its last put instead of that which created it.",
            new Edit(EntryTableFile, "\"UPDATE entries SET revision = ?2, value = ?3 WHERE key = ?1\"",
                "$BUG ? \"UPDATE entries SET revision = ?2, value = ?3, session = ?4 WHERE key = ?1\" : $CODE"),
            new Edit(EntryTableFile, "statement.BindBlob(3, write.Value.Span);", "$CODE if ($BUG) { statement.BindTextOrNull(4, write.Session?.Value); }")),
        new("sqlite-dead-session-accepted", Area.Sqlite,
            "A put with a dead session is applied, and nothing ever removes it.",
            new Edit(StoreFileFile, "if (FindDeadSession(writes) is { } session)", "if (!$BUG && FindDeadSession(writes) is { } session)")),
        new("sqlite-renewal-is-short", Area.Sqlite,
            "A renewal extends a session by half its time to live.",
            new Edit(SessionTableFile, "_insert.Bind(2, timeToLive);", "_insert.Bind(2, timeToLive / ($BUG ? 2 : 1));")),
        new("sqlite-closed-session-lives", Area.Sqlite,
            "A session that was closed accepts puts and renewals.",
            new Edit(SessionTableFile, "        _delete.Run();", "if (!$BUG) { $CODE } else { _delete.Reset(); }")),
        new("sqlite-absent-delete-counts", Area.Sqlite,
            "Deleting what is absent draws a revision and wakes who waits.",
            new Edit(StoreFileFile, "if (!writes[i].IsDelete || found[i].Revision != 0)", "if ($BUG || !writes[i].IsDelete || found[i].Revision != 0)")),
        new("sqlite-journal-gap-is-silent", Area.Sqlite,
            "Who lags so far behind that the journal has been cut is not told that it has missed something.",
            new Edit(JournalFile, "hints.Forget(revision - 1);", "if (!$BUG) { $CODE }")),
        new("sqlite-wall-clock", Area.Sqlite,
            "Sessions end by the wall clock: one that is set ends the living.",
            new Edit(StoreFileFile,
                "long timestamp = _time.GetTimestamp();",
                "if ($BUG) { return (_time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick; } $CODE")),
    ];
}
