using SQLitePCL;

namespace Conclave.Alternatives;

/// <summary>
/// A table of names: <c>INSERT … ON CONFLICT</c> takes the row if nobody has it or his time is over, by the wall clock. Dead holders are waited
/// for; a clock that jumps lets two in.
/// </summary>
internal sealed class SqliteLock : PollingLock
{
    private readonly Lock _gate = new();
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _take;
    private readonly sqlite3_stmt _give;
    private readonly long _milliseconds;

    public SqliteLock(string file, TimeSpan timeToLive, TimeSpan pause)
        : base(pause)
    {
        _milliseconds = (long)timeToLive.TotalMilliseconds;
        string owner = Guid.NewGuid().ToString("n");
        Batteries_V2.Init();

        // a file beside the store's own
        Check(raw.sqlite3_open($"{file}.hand", out _database));
        Check(raw.sqlite3_busy_timeout(_database, 10_000));
        Check(raw.sqlite3_exec(_database, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE IF NOT EXISTS held(name TEXT PRIMARY KEY, owner TEXT, until INTEGER) WITHOUT ROWID"));
        _take = Prepare("INSERT INTO held VALUES (?1, ?2, ?3) ON CONFLICT(name) DO UPDATE SET owner = ?2, until = ?3 WHERE until < ?4");
        _give = Prepare("DELETE FROM held WHERE name = ?1 AND owner = ?2");
        raw.sqlite3_bind_text(_take, 2, owner);
        raw.sqlite3_bind_text(_give, 2, owner);
    }

    public override Task<bool> TryAcquireAsync(string name)
    {
        lock (_gate)
        {
            long now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
            raw.sqlite3_bind_int64(_take, 3, now + _milliseconds);
            raw.sqlite3_bind_int64(_take, 4, now);
            return Task.FromResult(Changes(_take, name));
        }
    }

    public override Task ReleaseAsync(string name)
    {
        lock (_gate)
        {
            Changes(_give, name);
            return Task.CompletedTask;
        }
    }

    public override ValueTask DisposeAsync()
    {
        _take.Dispose();
        _give.Dispose();
        _database.Dispose();
        return default;
    }

    private bool Changes(sqlite3_stmt statement, string name)
    {
        Count();
        raw.sqlite3_bind_text(statement, 1, name);
        int code = raw.sqlite3_step(statement);
        raw.sqlite3_reset(statement);
        Check(code == raw.SQLITE_DONE ? raw.SQLITE_OK : code);
        return raw.sqlite3_changes(_database) > 0;
    }

    private sqlite3_stmt Prepare(string sql)
    {
        Check(raw.sqlite3_prepare_v2(_database, sql, out var statement));
        return statement;
    }

    private static void Check(int code)
    {
        if (code != raw.SQLITE_OK)
        {
            throw new InvalidOperationException($"SQLite answered {code}.");
        }
    }
}
