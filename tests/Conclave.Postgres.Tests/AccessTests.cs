using Conclave.Servers;
using Conclave.Storage;
using Npgsql;

namespace Conclave.Postgres.Tests;

public sealed class PostgresFixture : IAsyncLifetime
{
    internal PostgresServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await PostgresServer.StartAsync(new()
    {
        Password = "swordfish",
        Fsync = true,
        Settings = new Dictionary<string, string> { ["max_connections"] = "300", ["wal_writer_delay"] = "10s" },
    });

    public async ValueTask DisposeAsync() => await Server.DisposeAsync();
}

/// <summary>Getting in, and what is found there.</summary>
public sealed class AccessTests(PostgresFixture fixture) : IClassFixture<PostgresFixture>
{
    private PostgresServer Server => fixture.Server;

    [Fact]
    public async Task A_wrong_password_database_or_port_is_told_apart_and_no_secret_is_shown()
    {
        async Task<T> RefusedAsync<T>(Func<PostgresStoreOptions, PostgresStoreOptions> change)
            where T : ConclaveException
        {
            await using var store = Server.Open("refused", change);
            var error = await Assert.ThrowsAsync<T>(async () => await store.PutAsync("x", default));
            Assert.DoesNotContain("wrong-secret", error.ToString(), StringComparison.Ordinal);
            return error;
        }

        _ = await RefusedAsync<StoreAccessException>(o => o with { Password = "wrong-secret" });
        _ = await RefusedAsync<StoreAccessException>(o => o with { User = "nobody" });
        _ = await RefusedAsync<StoreConfigurationException>(o => o with { Database = "nowhere" });
        _ = await RefusedAsync<StoreUnavailableException>(o => o with { Hosts = [new("127.0.0.1", 1)] });
    }

    [Fact]
    public async Task A_user_that_may_not_create_is_told_what_to_run_and_then_may()
    {
        await Server.QueryAsync("CREATE ROLE plain LOGIN PASSWORD 'plain'");
        await using var store = Server.Open("plain", o => o with { User = "plain", Password = "plain", Schema = "plain" });
        Assert.Null(await store.GetAsync("x"));
        var error = await Assert.ThrowsAsync<StoreAccessException>(async () => await store.PutAsync("x", default));
        Assert.Contains("CREATE SCHEMA \"plain\" AUTHORIZATION", error.Message, StringComparison.Ordinal);

        await Server.QueryAsync("CREATE SCHEMA plain AUTHORIZATION plain");
        await store.PutAsync("x", default);
        await using var client = new ConclaveClient(Server.Open("plain", o => o with { User = "plain", Password = "plain", Schema = "plain" }));
        await using var claim = await client.Lock("x").AcquireAsync();

        await Server.QueryAsync("CREATE ROLE guest LOGIN PASSWORD 'guest'; GRANT USAGE ON SCHEMA plain TO guest");
        await using var refused = Server.Open("plain", o => o with { User = "guest", Password = "guest", Schema = "plain" });
        var forbidden = await Assert.ThrowsAsync<StoreAccessException>(async () => await refused.PutAsync("x", default));
        Assert.Contains("GRANT", forbidden.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Looking_creates_nothing()
    {
        await using var store = Server.Open("looking", o => o with { Schema = "looking" });

        var result = await store.CommitAsync(new([Condition.Absent("x")], reads: [Read.Get("x"), Read.Scan("")]));

        Assert.True(result.Accepted);
        Assert.Equal([0, 0], result.Reads.Select(r => r.Length));
        Assert.False(await store.RenewSessionAsync(new("0000000000000001")));
        Assert.Equal(0, await Server.NumberAsync("SELECT count(*) FROM pg_namespace WHERE nspname = 'looking'"));
    }

    [Fact]
    public async Task Ten_that_come_first_make_one_schema()
    {
        var stores = Enumerable.Range(0, 10).Select(i => Server.Open($"first-{i % 2}", o => o with { Schema = "first" })).ToArray();

        await Task.WhenAll(stores.Select((s, i) => s.PutAsync($"k{i}", default).AsTask())).InTime();

        Assert.Equal(5, (await stores[0].CommitAsync(new(reads: [Read.Scan("")]))).Reads[0].Length);
        Assert.Equal(2, await Server.NumberAsync("SELECT count(*) FROM first.namespaces"));
        foreach (var store in stores)
        {
            await store.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_newer_format_is_refused()
    {
        await using (var store = Server.Open("newer", o => o with { Schema = "newer" }))
        {
            await store.PutAsync("x", default);
        }

        await Server.QueryAsync("UPDATE newer.format SET version = 2");
        await using var refused = Server.Open("newer", o => o with { Schema = "newer" });
        var error = await Assert.ThrowsAsync<StoreFormatException>(async () => await refused.GetAsync("x"));
        Assert.Contains("newer Conclave", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_without_utf8_is_refused()
    {
        await Server.QueryAsync("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
        await using var store = Server.Open("latin", o => o with { Database = "latin" });
        await Assert.ThrowsAsync<StoreConfigurationException>(async () => await store.PutAsync("x", default));
    }

    [Fact]
    public async Task A_schema_that_is_dropped_under_a_store_is_made_anew()
    {
        await using var store = Server.Open("dropped", o => o with { Schema = "dropped" });
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(10))).Id;
        await store.PutAsync("x", default, session);
        await Server.QueryAsync("DROP SCHEMA dropped CASCADE");

        // whoever meets it first is told: we, or the store's own look for dead sessions
        var told = await Record.ExceptionAsync(async () => await store.PutAsync("x", default));
        Assert.True(told is null or StoreUnavailableException, $"{told}");
        await store.PutAsync("x", default);
        Assert.False(await store.RenewSessionAsync(session));
    }

    [Fact]
    public async Task The_applications_own_data_source_serves_and_stays_open()
    {
        await using var source = NpgsqlDataSource.Create(Server.ConnectionString + ";Maximum Pool Size=10");
        await using (var one = new ConclaveClient(new PostgresStore(new PostgresStoreOptions { DataSource = source, Namespace = "owned" })))
        await using (var two = new ConclaveClient(new PostgresStore(new PostgresStoreOptions { DataSource = source, Namespace = "owned" })))
        {
            var claim = await one.Lock("x").AcquireAsync();
            var waiting = two.Lock("x").AcquireAsync().AsTask();
            await Eventually.TrueAsync(async () => (await one.Lock("x").InspectAsync()).Waiters.Length == 1);
            await claim.DisposeAsync();
            await (await waiting.InTime()).DisposeAsync();
        }

        await using var command = source.CreateCommand("SELECT count(*) FROM pg_locks l WHERE l.locktype = 'advisory' AND l.pid = pg_backend_pid()");
        Assert.Equal(0L, await command.ExecuteScalarAsync());
    }
}
