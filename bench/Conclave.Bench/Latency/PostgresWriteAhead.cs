using System.Globalization;
using Conclave.Servers;
using Npgsql;

namespace Conclave.Bench;

/// <summary>What PostgreSQL writes and waits for, and what it tells, for a lock.</summary>
internal static class PostgresWriteAhead
{
    public static async Task MeasureAsync(PostgresEngine engine)
    {
        int pairs = Effort.Of(2000, 200);
        var server = engine.Server;
        await using var client = new ConclaveClient(engine.Open("wal"));
        await Measure.AcquireAndReleaseAsync(client.Lock("x"));
        await using var listener = new NpgsqlConnection(server.ConnectionString + ";Pooling=false");
        await listener.OpenAsync();
        int heard = 0;
        listener.Notification += (_, _) => Interlocked.Increment(ref heard);
        var channel = await server.QueryAsync("SELECT 'conclave_' || f.lock_class || '_' || n.id FROM conclave.format f, conclave.namespaces n WHERE n.name = 'wal'");
        await ExecuteAsync(listener, $"LISTEN {channel[0][0]}");
        await server.QueryAsync("CHECKPOINT");
        var before = await WalAsync(server);
        for (int i = 0; i < pairs; i++)
        {
            await Measure.AcquireAndReleaseAsync(client.Lock("x"));
        }

        // backends tell their statistics once in a second
        await Task.Delay(TimeSpan.FromSeconds(1.5), TimeProvider.System);
        var after = await WalAsync(server);
        await ExecuteAsync(listener, "SELECT 1");
        double syncs = (after.Syncs - before.Syncs) / (double)pairs;
        Report.Row("postgres: WAL of an acquire + release", Report.Of($"{(after.Bytes - before.Bytes) / (double)pairs:0} bytes"));
        Report.AtMost("postgres: fsyncs of an acquire + release", Report.Of($"{syncs:0.0000} (those of the server's own round)"), syncs, 0.05, "none for the claim: < 0.05");
        Report.AtMost("postgres: notifications while nobody waits", Report.Of($"{heard} in {pairs} pairs"), heard, 0, "0");
    }

    private static async Task<(long Bytes, long Syncs)> WalAsync(PostgresServer server)
    {
        string?[] row = (await server.QueryAsync("SELECT wal_bytes::bigint, wal_sync FROM pg_stat_wal"))[0];
        return (long.Parse(row[0]!, CultureInfo.InvariantCulture), long.Parse(row[1]!, CultureInfo.InvariantCulture));
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
