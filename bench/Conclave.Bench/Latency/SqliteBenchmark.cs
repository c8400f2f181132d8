using Conclave.Alternatives;
using SQLitePCL;

namespace Conclave.Bench;

/// <summary>A lock against two bare prepared write transactions: same thread, same kind of file, same settings, taking turns.</summary>
internal static class SqliteBenchmark
{
    private static int Pairs => Effort.Of(5_000, 300);

    public static async Task RunAsync(SqliteEngine engine)
    {
        await using var client = new ConclaveClient(engine.Open("lock"));
        using var bare = new BareTransactions(engine.File("bare"));
        await using var hand = new SqliteLock(engine.File("row"), TimeSpan.FromSeconds(30), TimeSpan.FromMilliseconds(50));
        var theLock = client.Lock("bench");
        double[][] rates = await Measure.InTurnsAsync(
            Effort.Of(11, 2),
            () => Measure.RateAsync(_ => Measure.AcquireAndReleaseAsync(theLock), 1, Pairs),
            () => Measure.RateAsync(_ => bare.PairAsync(), 1, Pairs),
            () => Measure.RateAsync(
                async _ =>
                {
                    await hand.AcquireAsync("bench");
                    await hand.ReleaseAsync("bench");
                },
                1,
                Pairs));
        var ratio = Spread.Of(rates[0], rates[1]);
        Report.AtLeast(
            "sqlite: acquire + release against two bare prepared write transactions",
            Report.Of($"{ratio.Median * 100:0} % ({Report.Median(rates[0]):0} pairs/s; {ratio.RoundsPercent})"),
            ratio.Median,
            0.5,
            $"≥ 50 % (the goal of 70 % is {(ratio.Median >= 0.7 ? "" : "not ")}reached)",
            ratio);
        var byHand = Spread.Of(rates[0], rates[2]);
        Report.Row(
            "sqlite: acquire + release against a row with a time to live by the wall clock, no waiting and no tokens",
            Report.Of($"{byHand.Median * 100:0} % ({Report.Median(rates[0]):0} of {Report.Median(rates[2]):0} pairs/s; {byHand.RoundsPercent})"), byHand);
        double[] many = [.. rates.Select(Report.Median)];
        LatencyBenchmark.Add("sqlite", [.. many.Select(rate => 1000 / rate)], many);
        Report.Figures.Add(new("sqlite", "bare", Report.Of($"{1 / ratio.Median:0.00} ×"), 1 / ratio.Median));
    }

    /// <summary>The least that two writes cost with the engine's own settings: one row put, the same row deleted, each in its own transaction.</summary>
    private sealed class BareTransactions : IDisposable
    {
        private readonly BareSqlite _file;
        private readonly sqlite3_stmt _begin;
        private readonly sqlite3_stmt _put;
        private readonly sqlite3_stmt _delete;
        private readonly sqlite3_stmt _commit;
        private int _next;

        public BareTransactions(string file)
        {
            _file = new(
                file,
                "PRAGMA page_size=2048; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=8000; CREATE TABLE t(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID");
            _begin = _file.Prepare("BEGIN IMMEDIATE");
            _put = _file.Prepare("INSERT OR REPLACE INTO t(key, value) VALUES (?, ?)");
            _delete = _file.Prepare("DELETE FROM t WHERE key = ?");
            _commit = _file.Prepare("COMMIT");
            raw.sqlite3_bind_blob(_put, 2, new byte[40]);
        }

        public Task PairAsync()
        {
            string key = Report.Of($"lock/bench/4f9d2c-{_next++}");
            raw.sqlite3_bind_text(_put, 1, key);
            _ = BareSqlite.RunAsync(_begin);
            _ = BareSqlite.RunAsync(_put);
            _ = BareSqlite.RunAsync(_commit);
            raw.sqlite3_bind_text(_delete, 1, key);
            _ = BareSqlite.RunAsync(_begin);
            _ = BareSqlite.RunAsync(_delete);
            return BareSqlite.RunAsync(_commit);
        }

        public void Dispose() => _file.Dispose();
    }
}
