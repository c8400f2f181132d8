using SQLitePCL;

namespace Conclave.Sqlite;

/// <summary>
/// One connection to one database. Not thread-safe: <see cref="StoreAccess"/> lets one call in at a time. Never opens the file by other
/// means: closing any other descriptor of it would drop the POSIX locks that this process holds on it.
/// </summary>
internal sealed class Connection : IDisposable
{
    private readonly sqlite3 _handle;
    private readonly List<Statement> _statements = [];
    private Statement? _begin;
    private Statement? _beginImmediate;
    private Statement? _commit;
    private bool _durable;

    private Connection(sqlite3 handle) => _handle = handle;

    public static Connection Open(string path)
    {
        string? vfs = Vfs.Register();
        int code = raw.sqlite3_open_v2(path, out var handle, raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_NOMUTEX, vfs);
        var connection = new Connection(handle);
        try
        {
            connection.Check(code);
            connection.Check(raw.sqlite3_extended_result_codes(handle, 1));
            connection.Check(raw.sqlite3_busy_timeout(handle, 0));
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    public int Changes => raw.sqlite3_changes(_handle);

    public long LastRow => raw.sqlite3_last_insert_rowid(_handle);

    public bool InTransaction => raw.sqlite3_get_autocommit(_handle) == 0;

    public bool HasMoved => Native.HasMoved(_handle);

    public Statement Prepare(string sql)
    {
        Check(raw.sqlite3_prepare_v2(_handle, sql, out var handle));
        var statement = new Statement(this, handle);
        _statements.Add(statement);
        return statement;
    }

    /// <summary>Runs a statement once; of an answer only the first value is kept.</summary>
    public string? Execute(string sql)
    {
        Check(raw.sqlite3_prepare_v2(_handle, sql, out var handle));
        using var statement = new Statement(this, handle);
        string? answer = null;
        while (statement.Step())
        {
            answer ??= statement.TextOrNull(0);
        }

        return answer;
    }

    /// <summary>Begins a transaction that reads; its snapshot is taken by the first statement.</summary>
    public void Begin() => (_begin ??= Prepare("BEGIN")).Run();

    /// <summary>Begins a transaction that writes.</summary>
    /// <param name="durable">Whether its commit must reach the disk before it is answered.</param>
    /// <returns>False when somebody else is writing.</returns>
    public bool TryBeginImmediate(bool durable)
    {
        if (durable != _durable)
        {
            // one connection that switches, not two: they would be busy for each other. SQLite allows it between transactions.
            Execute(durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
            _durable = durable;
        }

        int code = (_beginImmediate ??= Prepare("BEGIN IMMEDIATE")).TryStep();
        return code == raw.SQLITE_DONE || (SqliteException.IsBusyCode(code) ? false : throw Failure(code));
    }

    /// <param name="ofEntries">Whether the caller must hear when the outcome is unknown.</param>
    public void Commit(bool ofEntries = false)
    {
        int code = (_commit ??= Prepare("COMMIT")).TryStep();
        if (code != raw.SQLITE_DONE)
        {
            throw Failure(code, ofEntries);
        }
    }

    public void Rollback()
    {
        // after some errors SQLite has rolled back by itself
        if (InTransaction)
        {
            foreach (var statement in _statements)
            {
                statement.Reset();
            }

            Execute("ROLLBACK");
        }
    }

    public void Check(int code)
    {
        if (code != raw.SQLITE_OK)
        {
            throw Failure(code);
        }
    }

    public SqliteException Failure(int code, bool atCommit = false) =>
        new(code, $"{raw.sqlite3_errmsg(_handle).utf8_to_string()} ({code})", atCommit);

    public void Dispose()
    {
        foreach (var statement in _statements)
        {
            statement.Dispose();
        }

        _statements.Clear();
        _ = raw.sqlite3_close_v2(_handle);
    }
}
