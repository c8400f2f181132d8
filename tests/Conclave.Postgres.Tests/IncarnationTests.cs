using System.Diagnostics;
using System.Globalization;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Postgres.Tests;

/// <summary>The server forgets: what a session had is gone, and nobody gets it before the last who may believe in it has stopped.</summary>
public sealed class IncarnationTests
{
    private static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(4);

    [Fact]
    public Task A_backend_killed_with_sigkill() => ForgetAsync(async server =>
    {
        int backend = int.Parse((await server.ScalarAsync("SELECT max(pid) FROM pg_stat_activity WHERE application_name = 'conclave'"))!, CultureInfo.InvariantCulture);
        string? before = await server.ScalarAsync("SELECT pg_postmaster_start_time()");
        server.KillBackend(backend);
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                return await server.NumberAsync("SELECT count(*) FROM conclave.incarnations") == 0;
            }
            catch (Exception e) when (e is InvalidOperationException or IOException)
            {
                return false;
            }
        });
        Assert.Equal(before, await server.ScalarAsync("SELECT pg_postmaster_start_time()"));
    });

    [Fact]
    public Task An_immediate_shutdown() => ForgetAsync(async server =>
    {
        await server.ShutdownAsync(PostgresShutdown.Immediate);
        await server.RestartAsync();
    });

    [Fact]
    public async Task A_promoted_standby()
    {
        await using var primary = await PostgresServer.StartAsync();
        await using var standby = await PostgresServer.StartAsync(new() { StandbyOf = primary });
        await ForgetAsync(
            primary,
            o => o with { Hosts = [new(primary.Host, primary.Port), new(standby.Host, standby.Port)] },
            async () =>
            {
                await Eventually.TrueAsync(async () => await primary.NumberAsync("SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()") == 1);
                primary.Kill();
                await primary.ExitedAsync();
                await standby.PromoteAsync();
            });
    }

    [Fact]
    public async Task A_clean_restart_forgets_nothing()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var store = server.Open("clean");
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(30))).Id;
        await store.PutAsync("x", default, session);
        await server.ShutdownAsync();
        await server.RestartAsync();

        await Eventually.TrueAsync(async () =>
        {
            try
            {
                return await store.RenewSessionAsync(session);
            }
            catch (StoreUnavailableException)
            {
                return false;
            }
        });
        Assert.Equal(session, (await store.GetAsync("x"))!.Session);
        Assert.Null(await store.GetAsync(StoreNames.EpochKey));
    }

    [Fact]
    public async Task Short_lived_openers_share_the_wait()
    {
        await using var server = await PostgresServer.StartAsync();
        await using (var store = server.Open("short"))
        {
            _ = await store.OpenSessionAsync(TimeSpan.FromSeconds(3));
        }

        await server.ShutdownAsync(PostgresShutdown.Immediate);
        await server.RestartAsync();
        var watch = Stopwatch.StartNew();
        bool opened = false;
        while (!opened)
        {
            // each sees a second pass: none waits for all of it
            await using var store = server.Open("short");
            for (int i = 0; i < 2 && !opened; i++)
            {
                try
                {
                    _ = await store.OpenSessionAsync(TimeSpan.FromSeconds(3));
                    opened = true;
                }
                catch (StoreUnavailableException)
                {
                    await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
                }
            }

            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30));
        }

        Assert.True(watch.Elapsed >= TimeSpan.FromSeconds(3), $"{watch.Elapsed}");
    }

    private static async Task ForgetAsync(Func<PostgresServer, Task> forget)
    {
        await using var server = await PostgresServer.StartAsync();
        await ForgetAsync(server, o => o, () => forget(server));
    }

    private static async Task ForgetAsync(PostgresServer server, Func<PostgresStoreOptions, PostgresStoreOptions> change, Func<Task> forget)
    {
        await using var store = server.Open("forget", change);
        await using var client = new ConclaveClient(server.Open("forget", change), new() { SessionTimeToLive = TimeToLive });
        var session = (await store.OpenSessionAsync(TimeToLive)).Id;
        await store.PutAsync("bound", default, session);
        await store.PutAsync("durable", default);
        var claim = await client.Lock("x").AcquireAsync();
        long revision = (await store.CommitAsync(new())).Revision;
        var lastRenewal = Stopwatch.StartNew();

        await forget();

        var (granted, again) = (Stopwatch.StartNew(), default(Claim));
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                again = await client.Lock("x").AcquireAsync(new CancellationTokenSource(TimeSpan.FromSeconds(20), TimeProvider.System).Token);
                return true;
            }
            catch (StoreUnavailableException)
            {
                return false;
            }
        });
        Assert.True(granted.Elapsed >= TimeToLive * 0.95 || lastRenewal.Elapsed >= TimeToLive, $"granted after {granted.Elapsed}");
        Assert.True(claim.Lost.IsCancellationRequested);
        Assert.True(again!.Token > claim.Token, $"{again.Token} after {claim.Token}");
        Assert.False(await store.RenewSessionAsync(session));
        Assert.Null(await store.GetAsync("bound"));
        Assert.NotNull(await store.GetAsync("durable"));
        Assert.Equal(1, StoreEpoch.Parse((await store.GetAsync(StoreNames.EpochKey))!.Value.Span));
        Assert.True((await store.CommitAsync(new())).Revision > revision + 1000);
        await claim.DisposeAsync();
        await again.DisposeAsync();
    }
}
