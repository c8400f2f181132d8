using System.Diagnostics;
using Conclave.Servers;
using Conclave.Storage;
using Npgsql;

namespace Conclave.Postgres.Tests;

/// <summary>What a claim costs the server.</summary>
public sealed class CostTests(PostgresFixture fixture, ITestOutputHelper output) : IClassFixture<PostgresFixture>
{
    private PostgresServer Server => fixture.Server;

    [Fact]
    public async Task A_claim_costs_no_fsync()
    {
        const int pairs = 500;
        await using var client = new ConclaveClient(Server.Open("cost"));
        await (await client.Lock("x").AcquireAsync()).DisposeAsync();
        await Server.QueryAsync("CHECKPOINT");
        var before = await WalAsync();
        var watch = Stopwatch.StartNew();
        for (int i = 0; i < pairs; i++)
        {
            await (await client.Lock("x").AcquireAsync()).DisposeAsync();
        }

        var took = watch.Elapsed;
        await Task.Delay(TimeSpan.FromSeconds(1.2), TimeProvider.System);
        var after = await WalAsync();
        double bytes = (double)(after.Bytes - before.Bytes) / pairs;
        long syncs = after.Syncs - before.Syncs;
        output.WriteLine($"acquire + release: {took.TotalMilliseconds / pairs:F2} ms, {bytes:F0} bytes of WAL, {(double)syncs / pairs:F3} fsyncs");

        // the server itself writes and syncs now and then: five times a second at most
        Assert.True(syncs < 20 + (5 * took.TotalSeconds), $"{syncs} fsyncs");
        Assert.True(bytes < 1000, $"{bytes} bytes");
    }

    [Fact]
    public async Task A_durable_entry_is_on_the_disk_when_its_commit_returns()
    {
        await Server.QueryAsync("CREATE ROLE careless SUPERUSER LOGIN PASSWORD 'careless'; ALTER ROLE careless SET synchronous_commit = off");
        await using var store = Server.Open("durable", o => o with { User = "careless", Password = "careless" });
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(30))).Id;
        bool late = false;
        for (int i = 0; i < 20; i++)
        {
            long start = await LsnAsync("insert");
            await store.PutAsync("bound", default, session);
            late |= await LsnAsync("flush") <= start;

            // what the server itself writes meanwhile does not matter: the commit begins after the start, so it is not on the disk before the disk is past it
            start = await LsnAsync("insert");
            await store.PutAsync("x", default);
            Assert.True(await LsnAsync("flush") > start, "the put is on the disk");

            start = await LsnAsync("insert");
            await store.DeleteAsync("x");
            Assert.True(await LsnAsync("flush") > start, "the delete is on the disk");
        }

        Assert.True(late, "the measurement sees a commit that is not on the disk yet");
        Task<long> LsnAsync(string kind) => Server.NumberAsync($"SELECT (pg_current_wal_{kind}_lsn() - '0/0')::bigint");
    }

    [Fact]
    public async Task Nobody_is_notified_while_nobody_waits()
    {
        await using var store = Server.Open("quiet");
        await store.PutAsync("x", default);
        await using var listener = new NpgsqlConnection(Server.ConnectionString + ";Pooling=false");
        await listener.OpenAsync();
        int heard = 0;
        listener.Notification += (_, _) => Interlocked.Increment(ref heard);
        string channel = (await Server.ScalarAsync("SELECT 'conclave_' || f.lock_class || '_' || n.id FROM conclave.format f, conclave.namespaces n WHERE n.name = 'quiet'"))!;
        await ExecuteAsync(listener, $"LISTEN {channel}");

        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            for (int i = 0; i < 50; i++)
            {
                await store.PutAsync($"x{worker}", default);
            }
        })));
        await ExecuteAsync(listener, "SELECT 1");
        Assert.Equal(0, heard);

        // somebody waits
        long revision = (await store.CommitAsync(new())).Revision;
        revision = await store.WaitForChangeAsync("y", revision).InTime();
        var wait = store.WaitForChangeAsync("y", revision).AsTask();
        await store.PutAsync("y", default);
        await wait.InTime();
        await ExecuteAsync(listener, "SELECT 1");
        Assert.True(heard > 0);
    }

    [Fact]
    public async Task A_put_reads_one_entry_however_many_there_are_and_whatever_the_server_knows_of_them()
    {
        // statistics as they are when a map was filled in a minute: those of an empty table, with which the function was planned
        await using var server = await PostgresServer.StartAsync(new() { Settings = new Dictionary<string, string> { ["autovacuum"] = "off" } });
        await using var store = server.Open("large");
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(60))).Id;
        await store.PutAsync("m/0", default);
        foreach (int[] chunk in Enumerable.Range(0, 20_000).Chunk(50))
        {
            await store.CommitAsync(new(writes: [.. chunk.Select(i => Write.Put($"m/{i}", default))]));
        }

        long updated = await CountAsync("n_tup_upd");
        long read = await CountAsync("idx_tup_fetch");
        for (int i = 0; i < 20; i++)
        {
            long revision = await store.PutAsync("m/7", default);
            await store.CommitAsync(new([Condition.Unchanged("m/7", revision)], [Write.Put("m/7", default), Write.Put($"mine/{i}", default, session)]));
        }

        // the server counts a little later
        await Eventually.TrueAsync(async () => await CountAsync("n_tup_upd") >= updated + 40);
        read = await CountAsync("idx_tup_fetch") - read;
        Assert.True(read < 40 * 50, $"{read} entries were read by 40 commits");

        Task<long> CountAsync(string what) => server.NumberAsync($"SELECT coalesce(sum({what}), 0) FROM pg_stat_user_tables WHERE relname = 'entries'");
    }

    [Fact]
    public async Task A_renewal_does_not_wait_behind_commits()
    {
        await using var store = Server.Open("behind");
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(10))).Id;
        await using var blocker = new NpgsqlConnection(Server.ConnectionString + ";Pooling=false");
        await blocker.OpenAsync();
        await ExecuteAsync(blocker, "SELECT pg_advisory_lock(f.lock_class, n.id) FROM conclave.format f, conclave.namespaces n WHERE n.name = 'behind'");
        var commits = Enumerable.Range(0, 20).Select(i => store.PutAsync($"x{i}", default).AsTask()).ToArray();

        var watch = Stopwatch.StartNew();
        Assert.True(await store.RenewSessionAsync(session).InTime());
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(2), $"{watch.Elapsed}");
        Assert.DoesNotContain(commits, c => c.IsCompleted);

        await blocker.CloseAsync();
        await Task.WhenAll(commits).InTime();
    }

    [Fact]
    public async Task A_cancelled_commit_that_waits_for_its_turn_is_not_applied()
    {
        await using var store = Server.Open("cancelled");
        await store.PutAsync("x", default);
        await using var blocker = new NpgsqlConnection(Server.ConnectionString + ";Pooling=false");
        await blocker.OpenAsync();
        await ExecuteAsync(blocker, "SELECT pg_advisory_lock(f.lock_class, n.id) FROM conclave.format f, conclave.namespaces n WHERE n.name = 'cancelled'");
        using var cancel = new CancellationTokenSource();
        var put = store.PutAsync("y", default, cancellationToken: cancel.Token).AsTask();
        await Eventually.TrueAsync(async () => await Server.NumberAsync("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") > 0);

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => put).InTime();
        await blocker.CloseAsync();
        Assert.Null(await store.GetAsync("y").InTime());
    }

    private async Task<(long Bytes, long Syncs)> WalAsync() =>
        (await Server.NumberAsync("SELECT wal_bytes::bigint FROM pg_stat_wal"), await Server.NumberAsync("SELECT wal_sync FROM pg_stat_wal"));

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
