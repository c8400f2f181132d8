using System.Globalization;
using Conclave.Postgres;
using Conclave.Servers;
using Conclave.Storage;
using Npgsql;

namespace Conclave.Bench;

/// <summary>A lock over a real PostgreSQL that waits for its disk, against the same calls by plain Npgsql, and against the snippet that people use today.</summary>
internal static class PostgresBenchmark
{
    public static async Task<int> RunAsync()
    {
        await using var server = await PostgresServer.StartAsync(new() { Fsync = true, Settings = new Dictionary<string, string> { ["max_connections"] = "200" } });
        var benchmark = new LockBenchmark("postgres", name => Open(server, name));
        long calls = 0;
        Task<long> Calls() => Task.FromResult(Interlocked.Read(ref calls));
        ConclaveClient Connect(string name, ConclaveOptions options) => new(Open(server, name, () => Interlocked.Increment(ref calls)), options);
        await using (var client = Connect("count", new()))
        {
            await benchmark.CountAsync(client, Calls, pairs: 10);
        }

        await benchmark.HoldAsync(options => Connect("hold", options), Calls, TimeSpan.FromSeconds(6));
        await WriteAheadAsync(server);
        await using var plain = NpgsqlDataSource.Create(server.ConnectionString + ";Maximum Pool Size=4;No Reset On Close=true;Max Auto Prepare=10;Auto Prepare Min Usages=2");
        await using var many = NpgsqlDataSource.Create(server.ConnectionString + ";Maximum Pool Size=80;No Reset On Close=true;Max Auto Prepare=10;Auto Prepare Min Usages=2");
        var holders = new NpgsqlConnection[LockBenchmark.Workers];
        for (int i = 0; i < holders.Length; i++)
        {
            // an advisory lock belongs to a connection
            holders[i] = await many.OpenConnectionAsync();
        }

        var pairs = await RecordAsync(server, plain);
        await benchmark.CompareAsync(
            each: 40,
            sequential: 400,
            new("the same calls by plain Npgsql", worker => pairs[worker].SendAsync(), Share: 0.8, Latency: 2),
            new(
                "pg_try_advisory_lock and unlock, one connection for each holder, no waiting and no tokens",
                async worker =>
                {
                    await IsTrueAsync(holders[worker], "SELECT pg_try_advisory_lock(77, $1)", worker);
                    await IsTrueAsync(holders[worker], "SELECT pg_advisory_unlock(77, $1)", worker);
                },
                Share: 0.4,
                SequentialShare: 0.4));

        double handOff = await benchmark.HandOffAsync();
        await benchmark.PollAsync(
            handOff,
            "pg_try_advisory_lock",
            who => IsTrueAsync(holders[who], "SELECT pg_try_advisory_lock(78, $1)", 1),
            who => IsTrueAsync(holders[who], "SELECT pg_advisory_unlock(78, $1)", 1));
        foreach (var holder in holders)
        {
            await holder.DisposeAsync();
        }

        return 0;
    }

    private static PostgresStore Open(PostgresServer server, string name, Action? onCall = null) => new(new PostgresStoreOptions
    {
        Hosts = [new(server.Host, server.Port)],
        Database = "postgres",
        User = "postgres",
        Namespace = name,
        OnCall = onCall,
    });

    /// <summary>What the server writes and waits for, and what it tells.</summary>
    private static async Task WriteAheadAsync(PostgresServer server)
    {
        const int pairs = 2000;
        await using var client = new ConclaveClient(Open(server, "wal"));
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

        await SettleAsync();
        var after = await WalAsync(server);
        await ExecuteAsync(listener, "SELECT 1");
        double syncs = (after.Syncs - before.Syncs) / (double)pairs;
        Report.Row("postgres: WAL of an acquire + release", Report.Of($"{(after.Bytes - before.Bytes) / (double)pairs:0} bytes"), "–", null);
        Report.Row("postgres: fsyncs of an acquire + release", Report.Of($"{syncs:0.0000} (those of the server's own round)"), "none for the claim: < 0.05", syncs < 0.05);
        Report.Row("postgres: notifications while nobody waits", Report.Of($"{heard} in {pairs} pairs"), "0", heard == 0);
    }

    private static async Task<(long Bytes, long Syncs)> WalAsync(PostgresServer server)
    {
        var row = (await server.QueryAsync("SELECT wal_bytes::bigint, wal_sync FROM pg_stat_wal"))[0];
        return (long.Parse(row[0]!, CultureInfo.InvariantCulture), long.Parse(row[1]!, CultureInfo.InvariantCulture));
    }

    // backends tell their statistics once in a second
    private static Task SettleAsync() => Task.Delay(TimeSpan.FromSeconds(1.5), TimeProvider.System);

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<bool> IsTrueAsync(NpgsqlConnection connection, string sql, int number)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = number });
        return (bool)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>What a lock asks at each name, to be asked again.</summary>
    private static async Task<CallPair[]> RecordAsync(PostgresServer server, NpgsqlDataSource source)
    {
        var store = new RecordingStore(Open(server, "record"));
        var client = new ConclaveClient(store, new() { SessionTimeToLive = TimeSpan.FromMinutes(10) });
        await Measure.AcquireAndReleaseAsync(client.Lock("warm"));
        var row = (await server.QueryAsync("SELECT n.id, i.nonce, f.lock_class FROM conclave.namespaces n, conclave.incarnations i, conclave.format f WHERE i.ns = n.id AND n.name = 'record'"))[0];
        var where = new OpenNamespace(int.Parse(row[0]!, CultureInfo.InvariantCulture), long.Parse(row[1]!, CultureInfo.InvariantCulture), int.Parse(row[2]!, CultureInfo.InvariantCulture));
        var pairs = new List<CallPair>();
        for (int i = 0; i < LockBenchmark.Workers; i++)
        {
            store.Sent.Clear();
            await Measure.AcquireAndReleaseAsync(client.Lock($"name/{i}"));
            pairs.Add(new(source, where, store.Sent[0], store.Sent[1]));
        }

        // the client is left to the end of the process: its session must live while its calls are made again
        return [.. pairs];
    }

    /// <summary>One call that joins, one that leaves.</summary>
    private sealed class CallPair(NpgsqlDataSource source, OpenNamespace where, Transaction join, Transaction leave)
    {
        public async Task SendAsync()
        {
            long revision = await CallAsync(join);

            // who leaves says which revision of its entry it means
            var condition = Condition.Unchanged(leave.Conditions[0].Key, revision);
            if (await CallAsync(new([condition], leave.Writes.AsSpan(), leave.Reads.AsSpan())) <= revision)
            {
                throw new InvalidOperationException("What was asked again did not write what it wrote at first.");
            }
        }

        private async Task<long> CallAsync(Transaction transaction)
        {
            var call = new CommitCall(transaction, where);
            await using var command = source.CreateCommand(call.Sql("conclave"));
            call.Bind(command.Parameters);
            await using var reader = await command.ExecuteReaderAsync();
            long revision = 0;
            while (await reader.ReadAsync())
            {
                if (reader.GetInt32(0) == -1)
                {
                    revision = reader.GetInt64(5) == 0 ? reader.GetInt64(4) : throw new InvalidOperationException($"What was asked again was refused: {(Status)reader.GetInt64(5)}.");
                }
                else
                {
                    _ = (reader.GetString(1), reader.GetFieldValue<byte[]>(2), reader.GetInt64(3));
                }
            }

            return revision;
        }
    }
}
