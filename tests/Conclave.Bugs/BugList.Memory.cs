namespace Conclave.Bugs;

internal static partial class BugList
{
    private const string MemoryFile = "src/Conclave/Storage/MemoryStore.cs";
    private const string HintsFile = "src/Conclave/Storage/ChangeHints.cs";

    /// <summary>What all stores share.</summary>
    private static Bug[] Hints =>
    [
        new("hints-forget-what-was", Area.Memory,
            "What changed between the reading and the wait does not end the wait.",
            new Edit(HintsFile, "if (afterRevision < _forgotten || ChangedSince(prefix, afterRevision))", "if (!$BUG && (afterRevision < _forgotten || ChangedSince(prefix, afterRevision)))")),
        new("hints-forget-what-is-old", Area.Memory,
            "Who read long ago is not woken although changes it has not seen are no longer remembered.",
            new Edit(HintsFile, "_forgotten = Math.Max(_forgotten, slot.Revision);", "if (!$BUG) { $CODE }")),
        new("hints-wake-one", Area.Memory,
            "Of several who wait for the same prefix only the first is woken.",
            new Edit(HintsFile, "foreach (var waiter in waiters)\n        {\n            waiter.Complete(_revision);", "$CODE if ($BUG) { return; }")),
        new("hints-wake-everybody", Area.Memory,
            "Every change wakes everybody, whatever they wait for.",
            new Edit(HintsFile, "                Wake(key);", "if ($BUG) { foreach (var all in _byPrefix.Values) { WakeAll(all); } } else { $CODE }")),
        new("hints-know-keys-only", Area.Memory,
            "Who waits for a prefix is not woken by a key under it.",
            new Edit(HintsFile, "_lookup.TryGetValue(key.AsSpan(0, length), out var waiters)", "$CODE && (!$BUG || length == key.Length)")),
        new("hints-without-end", Area.Memory,
            "A wait has no longest silence: a hint that is lost somewhere is waited for without end.",
            new Edit(HintsFile, "this, maxSilence, Timeout.InfiniteTimeSpan);", "this, $BUG ? Timeout.InfiniteTimeSpan : maxSilence, Timeout.InfiniteTimeSpan);")),
        new("hints-ignore-cancellation", Area.Memory,
            "A wait that is cancelled goes on.",
            new Edit(HintsFile, "((Waiter)waiter!)._source.TrySetCanceled(token), this);", "{ if (!$BUG) { ((Waiter)waiter!)._source.TrySetCanceled(token); } }, this);")),
        new("keys-in-the-order-of-utf16", Area.Memory,
            "Keys are ordered by UTF-16 units: beyond the basic plane it is another order than that of other engines.",
            new Edit("src/Conclave/Storage/KeyOrder.cs", "char.IsSurrogate(unit) ? unit + 0x10000 : unit;", "!$BUG && $CODE")),
        new("limits-one-too-few", Area.Memory,
            "A transaction of the largest legal size is refused.",
            new Edit("src/Conclave/Storage/StoreLimits.cs", "if (operations > MaxOperations)", "if (operations > MaxOperations - ($BUG ? 1 : 0))")),
    ];

    private static Bug[] Memory =>
    [
        new("memory-renewal-revives", Area.Memory,
            "A renewal brings a session back that is gone.",
            new Edit(MemoryFile,
                "bool alive = _sessions.TryGetValue(session.Value, out var found);",
                "$CODE if ($BUG && !alive) { _sessions.Add(session.Value, found = new Session(TimeSpan.FromSeconds(2), 0)); alive = true; }")),
        new("memory-revision-before-the-lock", Area.Memory,
            "A commit draws its revision before it takes the lock: a later revision is visible before an earlier one.",
            new Edit(MemoryFile,
                "        lock (_lock)\n        {\n            BeginLocked();\n            CheckSessions(transaction);",
                """
                if ($BUG && transaction.Conditions.IsEmpty && !transaction.IsReadOnly && transaction.Writes.All(w => !w.IsDelete))
                {
                    long drawn = Interlocked.Increment(ref _revision);
                    Thread.Yield();
                    lock (_lock)
                    {
                        BeginLocked();
                        CheckSessions(transaction);
                        foreach (var write in transaction.Writes)
                        {
                            Put(write, drawn);
                        }

                        return new(new CommitResult(true, _revision, Answer(transaction.Reads)));
                    }
                }

                $CODE
                """),
            new Edit(MemoryFile, "        _revision = revision;\n", "_revision = $BUG ? Math.Max(_revision, revision) : revision;\n")),
        new("memory-equal-put-is-silent", Area.Memory,
            "A put with equal bytes changes nothing and wakes nobody: a session's gate does not move.",
            new Edit(MemoryFile,
                "ref var slot = ref CollectionsMarshal",
                "if ($BUG && _entries.TryGetValue(write.Key, out var same) && same.Value.Span.SequenceEqual(write.Value.Span)) { return; } $CODE")),
        new("memory-put-moves-creation", Area.Memory,
            "A put of an existing key makes it look new: it loses its place in a queue.",
            new Edit(MemoryFile, "{ Value = write.Value.ToArray(), Revision = revision }", "{ Value = write.Value.ToArray(), Revision = revision, CreateRevision = $BUG ? revision : slot!.CreateRevision }")),
        new("memory-absent-delete-counts", Area.Memory,
            "Deleting what is absent draws a revision and wakes who waits.",
            new Edit(MemoryFile,
                "if (_entries.Remove(key, out var entry))",
                "if ($BUG && !_entries.ContainsKey(key)) { Publish(key, revision); } $CODE")),
        new("memory-refused-commit-writes", Area.Memory,
            "A commit that is refused writes all the same.",
            new Edit(MemoryFile, "if (accepted && !transaction.IsReadOnly)", "if ((accepted || $BUG) && !transaction.IsReadOnly)")),
        new("memory-foreign-conditions-ignored", Area.Memory,
            "A condition on a key that the commit does not write is not looked at: a session's gate is open.",
            new Edit(MemoryFile, "if (revision != condition.Revision)", "if (revision != condition.Revision && !($BUG && transaction.Writes.All(w => w.Key != condition.Key) && !transaction.IsReadOnly))")),
        new("memory-reads-before-writes", Area.Memory,
            "Reads are answered before the commit's own writes.",
            new Edit(MemoryFile, "bool accepted = Holds(transaction);", "$CODE var early = $BUG ? Answer(transaction.Reads) : default;"),
            new Edit(MemoryFile, "Answer(transaction.Reads)", "$BUG ? early : Answer(transaction.Reads)")),
        new("memory-answer-from-the-future", Area.Memory,
            "An answer names a revision that its reads have not seen: the next change is missed.",
            new Edit(MemoryFile, "new CommitResult(accepted, _revision,", "new CommitResult(accepted, _revision + ($BUG ? 1 : 0),")),
        new("memory-publishes-before-visible", Area.Memory,
            "Who waits is woken before the change can be read, and not again.",
            new Edit(MemoryFile,
                "        lock (_lock)\n        {\n            BeginLocked();\n            CheckSessions(transaction);",
                """
                if ($BUG)
                {
                    foreach (var write in transaction.Writes)
                    {
                        _hints.Publish(write.Key, Volatile.Read(ref _revision) + 1);
                    }

                    Thread.Yield();
                }

                $CODE
                _silent = $BUG;
                """),
            new Edit(MemoryFile, "private bool _disposed;", "$CODE private bool _silent;"),
            new Edit(MemoryFile, "if (_sessions.TryGetValue(session, out var ended))", "_silent = false; $CODE"),
            new Edit(MemoryFile, "        _hints.Publish(key, revision);", "if (!_silent) { $CODE }")),
        new("memory-scan-one-too-many", Area.Memory,
            "A scan with a limit returns one entry more.",
            new Edit(MemoryFile, "found.Count == scan.Limit", "found.Count == ($BUG && scan.Limit < int.MaxValue ? scan.Limit + 1 : scan.Limit)")),
        new("memory-start-after-included", Area.Memory,
            "The key behind which a scan starts is part of it: pages show an entry twice.",
            new Edit(MemoryFile, "if (key != scan.StartAfter)", "if (key != scan.StartAfter || $BUG)")),
        new("memory-session-closes-in-steps", Area.Memory,
            "The entries of a session that is closed go one by one: somebody sees a part of them.",
            new Edit(MemoryFile,
                "        lock (_lock)\n        {\n            BeginLocked();\n            End(session.Value);",
                """
                if ($BUG)
                {
                    string[] keys;
                    lock (_lock)
                    {
                        keys = _sessions.TryGetValue(session.Value, out var closing) ? [.. closing.Keys] : [];
                    }

                    foreach (string key in keys)
                    {
                        lock (_lock)
                        {
                            Delete(key, _revision + 1);
                        }

                        Thread.Yield();
                    }
                }

                $CODE
                """)),
        new("memory-entry-changes-its-session", Area.Memory,
            "An entry belongs to the session of its last put instead of that which created it.",
            new Edit(MemoryFile,
                "ref var slot = ref CollectionsMarshal",
                """
                if ($BUG && _entries.TryGetValue(write.Key, out var before) && before.Session != write.Session)
                {
                    if (before.Session is { } old)
                    {
                        _sessions[old.Value].Keys.Remove(write.Key);
                    }

                    if (write.Session is { } now)
                    {
                        _sessions[now.Value].Keys.Add(write.Key);
                    }

                    _entries[write.Key] = before with { Session = write.Session };
                }

                $CODE
                """)),
        new("memory-dead-session-accepted", Area.Memory,
            "A put with a dead session is applied, and nothing ever removes it.",
            new Edit(MemoryFile, "&& !_sessions.ContainsKey(session.Value))", "&& !$BUG $CODE"),
            new Edit(MemoryFile, "_sessions[session.Value].Keys.Add(write.Key);", "if (_sessions.ContainsKey(session.Value)) { $CODE }"),
            new Edit(MemoryFile, "_sessions[session.Value].Keys.Remove(key);", "if (_sessions.ContainsKey(session.Value)) { $CODE }")),
        new("memory-expires-early", Area.Memory,
            "A session ends after half its time to live.",
            new Edit(MemoryFile, "(long)(timeToLive.TotalSeconds * _time.TimestampFrequency)", "($CODE / ($BUG ? 2 : 1))")),
        new("memory-never-expires", Area.Memory,
            "A session that nobody renews does not end.",
            new Edit(MemoryFile, "(long)(timeToLive.TotalSeconds * _time.TimestampFrequency)", "($CODE * ($BUG ? 1000 : 1))")),
        new("memory-expiry-is-silent", Area.Memory,
            "A session ends only when somebody calls: who waits for what it held is not woken.",
            new Edit(MemoryFile, "then this only looks for the next deadline\n", "$CODE if (!$BUG)\n")),
        new("memory-session-id-reused", Area.Memory,
            "The id of a session that is gone is given to a new one.",
            new Edit(MemoryFile, "(++_lastSession)", "($BUG ? _sessions.Count + 1 : ++_lastSession)")),
        new("memory-cancelled-commit-applies", Area.Memory,
            "A commit that was cancelled before it was sent is applied.",
            new Edit(MemoryFile, "if (cancellationToken.IsCancellationRequested)", "if (cancellationToken.IsCancellationRequested && !$BUG)")),
    ];
}
