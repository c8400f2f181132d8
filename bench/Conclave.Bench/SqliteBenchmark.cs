using System.Diagnostics;
using Conclave.Sqlite;
using SQLitePCL;

namespace Conclave.Bench;

/// <summary>A lock against two bare prepared write transactions: same thread, same kind of file, same settings, taking turns.</summary>
internal static class SqliteBenchmark
{
    private const int Pairs = 5_000;

    public static async Task<int> RunAsync()
    {
        using var folder = new TemporaryFolder();
        await using var client = new ConclaveClient(new SqliteStore(folder.File("lock.db")));
        using var bare = new BareTransactions(folder.File("bare.db"));
        var theLock = client.Lock("bench");
        var locks = new List<double>();
        var ratios = new List<double>();
        for (int round = 0; round < 13; round++)
        {
            var watch = Stopwatch.StartNew();
            for (int i = 0; i < Pairs; i++)
            {
                var claim = await theLock.AcquireAsync();
                await claim.DisposeAsync();
            }

            double ours = Pairs / watch.Elapsed.TotalSeconds;
            watch.Restart();
            for (int i = 0; i < Pairs; i++)
            {
                bare.Pair(i);
            }

            double theirs = Pairs / watch.Elapsed.TotalSeconds;
            if (round >= 2)
            {
                locks.Add(ours);
                ratios.Add(ours / theirs);
            }
        }

        double ratio = Report.Median(ratios);
        Report.Row(
            "sqlite: acquire + release against two bare prepared write transactions",
            Report.Of($"{ratio * 100:0} % ({Report.Median(locks):0} pairs/s; rounds {ratios.Min() * 100:0}–{ratios.Max() * 100:0} %)"),
            $"≥ 50 % (the goal of 70 % is {(ratio >= 0.7 ? "" : "not ")}reached)",
            ratio >= 0.5);
        return 0;
    }

    /// <summary>The least that two writes cost with the engine's own settings: one row put, the same row deleted, each in its own transaction.</summary>
    private sealed class BareTransactions : IDisposable
    {
        private readonly sqlite3 _database;
        private readonly sqlite3_stmt _begin;
        private readonly sqlite3_stmt _put;
        private readonly sqlite3_stmt _delete;
        private readonly sqlite3_stmt _commit;

        public BareTransactions(string file)
        {
            Batteries_V2.Init();
            Check(raw.sqlite3_open(file, out _database));
            Check(raw.sqlite3_exec(_database, "PRAGMA page_size=2048; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=8000; CREATE TABLE t(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID"));
            _begin = Prepare("BEGIN IMMEDIATE");
            _put = Prepare("INSERT OR REPLACE INTO t(key, value) VALUES (?, ?)");
            _delete = Prepare("DELETE FROM t WHERE key = ?");
            _commit = Prepare("COMMIT");
            raw.sqlite3_bind_blob(_put, 2, new byte[40]);
        }

        public void Pair(int i)
        {
            string key = Report.Of($"lock/bench/4f9d2c-{i}");
            raw.sqlite3_bind_text(_put, 1, key);
            Run(_begin);
            Run(_put);
            Run(_commit);
            raw.sqlite3_bind_text(_delete, 1, key);
            Run(_begin);
            Run(_delete);
            Run(_commit);
        }

        public void Dispose()
        {
            foreach (var statement in (sqlite3_stmt[])[_begin, _put, _delete, _commit])
            {
                statement.Dispose();
            }

            _database.Dispose();
        }

        private sqlite3_stmt Prepare(string sql)
        {
            Check(raw.sqlite3_prepare_v2(_database, sql, out var statement));
            return statement;
        }

        private static void Run(sqlite3_stmt statement)
        {
            int code = raw.sqlite3_step(statement);
            raw.sqlite3_reset(statement);
            Check(code == raw.SQLITE_DONE ? raw.SQLITE_OK : code);
        }

        private static void Check(int code)
        {
            if (code != raw.SQLITE_OK)
            {
                throw new InvalidOperationException($"SQLite answered {code}.");
            }
        }
    }
}
