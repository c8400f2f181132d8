using SQLitePCL;

namespace Conclave.Bench;

/// <summary>A SQLite file without a store.</summary>
internal sealed class BareSqlite : IDisposable
{
    private readonly sqlite3 _database;
    private readonly List<sqlite3_stmt> _statements = [];

    /// <param name="file">The file.</param>
    /// <param name="begin">What makes it ready: pragmas, tables.</param>
    public BareSqlite(string file, string begin)
    {
        Batteries_V2.Init();
        Check(raw.sqlite3_open(file, out _database));
        Check(raw.sqlite3_exec(_database, begin));
    }

    public sqlite3_stmt Prepare(string sql)
    {
        Check(raw.sqlite3_prepare_v2(_database, sql, out var statement));
        _statements.Add(statement);
        return statement;
    }

    /// <summary>Runs a statement to its end.</summary>
    public static Task RunAsync(sqlite3_stmt statement)
    {
        int code = raw.sqlite3_step(statement);
        raw.sqlite3_reset(statement);
        Check(code is raw.SQLITE_DONE or raw.SQLITE_ROW ? raw.SQLITE_OK : code);
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        _statements.ForEach(s => s.Dispose());
        _database.Dispose();
    }

    private static void Check(int code)
    {
        if (code != raw.SQLITE_OK)
        {
            throw new InvalidOperationException($"SQLite answered {code}.");
        }
    }
}
