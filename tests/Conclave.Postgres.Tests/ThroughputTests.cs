using System.Diagnostics;
using System.Globalization;
using Conclave.Servers;
using Conclave.Storage;
using Npgsql;
using NpgsqlTypes;

namespace Conclave.Postgres.Tests;

/// <summary>The store beside the same calls by plain Npgsql. Explicit: for numbers, on a quiet machine.</summary>
public sealed class ThroughputTests(ITestOutputHelper output)
{
    [Theory(Explicit = true)]
    [InlineData(1)]
    [InlineData(64)]
    public async Task The_store_beside_the_same_function_by_plain_npgsql(int callers)
    {
        await using var server = await PostgresServer.StartAsync(new() { Fsync = true });
        await using var store = server.Open("speed");
        var session = (await store.OpenSessionAsync(TimeSpan.FromMinutes(10))).Id;
        await store.PutAsync("session/x", default, session);
        long gate = (await store.GetAsync("session/x"))!.Revision;
        var source = NpgsqlDataSource.Create(server.ConnectionString + ";Maximum Pool Size=16;No Reset On Close=true;Max Auto Prepare=10;Auto Prepare Min Usages=2");
        await using var _ = source;
        long nonce = await server.NumberAsync("SELECT nonce FROM conclave.incarnations");
        long number = long.Parse(session.Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

        async Task StorePairAsync(int caller)
        {
            string key = $"lock/{caller}/1";
            var joined = await store.CommitAsync(new(
                [Condition.Absent(key), Condition.Unchanged("session/x", gate)], [Write.Put(key, new byte[20], session)], [Read.Scan($"lock/{caller}/"), Read.Get(StoreNames.EpochKey)]));
            await store.CommitAsync(new([Condition.Unchanged(key, joined.Revision)], [Write.Delete(key)]));
        }

        async Task RawPairAsync(int caller)
        {
            string key = $"lock/{caller}/1";
            await RawAsync([key, "session/x"], [0, gate], [key], [new byte[20]], [number], [$"lock/{caller}/", StoreNames.EpochKey], [$"lock/{caller}0", StoreNames.EpochKey + "\u0001"], [1000, 1]);
            await RawAsync([], [], [key], [null], [0], [], [], []);
        }

        async Task RawAsync(string[] keys, long[] revisions, string[] writes, byte[]?[] values, long[] sessions, string[] lower, string[] upper, int[] limits)
        {
            await using var command = source.CreateCommand("SELECT * FROM conclave.commit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
            command.Parameters.Add(new() { Value = 1 });
            command.Parameters.Add(new() { Value = nonce });
            command.Parameters.Add(new() { Value = keys });
            command.Parameters.Add(new() { Value = revisions });
            command.Parameters.Add(new() { Value = writes });
            command.Parameters.Add(new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea });
            command.Parameters.Add(new() { Value = sessions });
            command.Parameters.Add(new() { Value = lower });
            command.Parameters.Add(new() { Value = upper });
            command.Parameters.Add(new() { Value = limits });
            await using var reader = await command.ExecuteReaderAsync();
            while (await reader.ReadAsync())
            {
            }
        }

        for (int round = 0; round < 3; round++)
        {
            double raw = await RateAsync(RawPairAsync, callers);
            double ours = await RateAsync(StorePairAsync, callers);
            output.WriteLine($"{callers} callers: {ours:F0} pairs/s, plain Npgsql {raw:F0} pairs/s: {ours / raw:P0}");
        }
    }

    private static async Task<double> RateAsync(Func<int, Task> pair, int callers)
    {
        int done = 0;
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(async () =>
        {
            while (watch.Elapsed < TimeSpan.FromSeconds(2))
            {
                await pair(caller);
                Interlocked.Increment(ref done);
            }
        })));
        return done / watch.Elapsed.TotalSeconds;
    }
}
