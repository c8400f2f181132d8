using System.Diagnostics;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Postgres.Tests;

/// <summary>Connections break, servers restart: what is said is true, and locks stay locks.</summary>
public sealed class FaultTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_reply_that_is_lost_after_the_commit_leaves_the_outcome_open()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var proxy = new FaultProxy(server);
        await using var store = Open(server, proxy, "lost");
        await using var direct = server.Open("lost");
        string lost = await UnknownAsync(Direction.ToClient);
        await Eventually.TrueAsync(async () => await direct.GetAsync(lost) is not null, "it was applied all the same");
        string unsent = await UnknownAsync(Direction.ToServer);
        Assert.Null(await store.GetAsync(unsent));

        // a read is asked again
        proxy.CutAfter(0, Direction.ToClient, once: true);
        Assert.NotNull(await store.GetAsync(lost));

        // the connection that is cut may be another: one that looks for the dead, or one that is just being made
        async Task<string> UnknownAsync(Direction direction)
        {
            for (int i = 0; i < 10; i++)
            {
                await store.PutAsync("warm", default);
                proxy.CutAfter(0, direction, once: true);
                var error = await Record.ExceptionAsync(async () => await store.PutAsync($"{direction}{i}", default));
                proxy.Restore();
                if (error is OutcomeUnknownException)
                {
                    return $"{direction}{i}";
                }
            }

            throw new InvalidOperationException("No outcome was unknown.");
        }
    }

    [Fact]
    public async Task A_black_hole_ends_with_the_answer_timeout()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var proxy = new FaultProxy(server);
        await using var store = Open(server, proxy, "hole", o => o with { AnswerTimeout = TimeSpan.FromSeconds(1), ConnectTimeout = TimeSpan.FromSeconds(1) });
        for (int i = 0; ; i++)
        {
            await Eventually.TrueAsync(async () => await Record.ExceptionAsync(async () => await store.PutAsync("x", default)) is null);
            proxy.Drop();
            var watch = Stopwatch.StartNew();
            var lost = await Assert.ThrowsAnyAsync<ConclaveException>(async () => await store.PutAsync("x", default)).InTime();
            output.WriteLine($"write: {watch.Elapsed}");
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(6), $"{watch.Elapsed}");
            if (lost is OutcomeUnknownException)
            {
                break;
            }

            // where no connection was left over from before, it could not even be sent
            Assert.IsType<StoreUnavailableException>(lost);
            Assert.True(i < 5, "the outcome of a write is unknown");
            proxy.Restore();
        }

        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.GetAsync("x")).InTime();

        proxy.Restore();
        await Eventually.TrueAsync(async () => await Record.ExceptionAsync(async () => await store.PutAsync("x", default)) is null);
    }

    [Fact]
    public async Task Ending_every_connection_again_and_again_lets_never_two_in() => await UnderFireAsync(async (server, round) =>
    {
        await server.QueryAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'conclave'");
        await Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System);
        return round < 10;
    });

    [Fact]
    public async Task A_restart_under_load_lets_never_two_in() => await UnderFireAsync(async (server, round) =>
    {
        string? disk = await server.ScalarAsync("SELECT system_identifier FROM pg_control_system()");
        await server.ShutdownAsync();
        await server.RestartAsync();
        Assert.True(disk == await server.ScalarAsync("SELECT system_identifier FROM pg_control_system()"), "the fixture started the server with an empty folder");
        await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
        return round < 3;
    });

    [Fact]
    public async Task Listening_is_taken_up_again_and_nothing_outlives_the_store()
    {
        await using var server = await PostgresServer.StartAsync();
        for (int i = 0; i < 3; i++)
        {
            var store = server.Open("leaks");
            long revision = await store.PutAsync("x", default);
            revision = await store.WaitForChangeAsync("w", 0).InTime();
            var wait = store.WaitForChangeAsync("w", revision).AsTask();
            await server.QueryAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'conclave'");
            var watch = Stopwatch.StartNew();
            await wait.InTime();
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(3), $"woken after {watch.Elapsed}");
            var waits = Enumerable.Range(0, 10).Select(w => store.WaitForChangeAsync($"w{w}", long.MaxValue).AsTask()).ToArray();
            var commits = Enumerable.Range(0, 20).Select(_ => store.PutAsync("x", default).AsTask()).ToArray();
            await store.DisposeAsync().AsTask().InTime();
            foreach (var task in waits.Concat(commits))
            {
                var error = await Record.ExceptionAsync(() => task).InTime();
                Assert.True(error is null or ObjectDisposedException or ConclaveException, $"{error}");
            }

            await Eventually.TrueAsync(async () => await server.ConnectionsAsync() == 0);
        }
    }

    private static async Task UnderFireAsync(Func<PostgresServer, int, Task<bool>> fire)
    {
        await using var server = await PostgresServer.StartAsync();
        var clients = Enumerable.Range(0, 3).Select(_ => new ConclaveClient(server.Open("fire"), new() { SessionTimeToLive = TimeSpan.FromSeconds(8) })).ToArray();
        using var stop = new CancellationTokenSource();
        int served = 0;
        long resource = 0;
        var workers = Enumerable.Range(0, 6).Select(worker => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    await using var claim = await clients[worker % clients.Length].Lock("x").AcquireAsync();
                    for (int i = 0; i < 3 && claim.IsHeld; i++)
                    {
                        // a write that carries its token: the resource would refuse a smaller one than it has seen
                        long token = claim.Token.Value;
                        long seen = Interlocked.Exchange(ref resource, token);
                        Assert.True(seen <= token || !claim.IsHeld, $"{seen} before {token}");
                        await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System);
                    }

                    Interlocked.Increment(ref served);
                }
                catch (StoreUnavailableException)
                {
                    // not in the time an operation may take: again
                }
            }
        })).ToArray();
        await Eventually.TrueAsync(() => served > 20);
        int round = 0;
        bool goesOn = true;
        while (goesOn)
        {
            goesOn = await fire(server, round++);
        }

        int before = served;
        await Eventually.TrueAsync(() => served > before + 20 || workers.Any(w => w.IsCompleted));
        await stop.CancelAsync();
        await Task.WhenAll(workers).InTime();
        foreach (var client in clients)
        {
            await client.DisposeAsync().AsTask().InTime();
        }

        await Eventually.TrueAsync(async () => await server.ConnectionsAsync() == 0);
    }

    private static PostgresStore Open(PostgresServer server, FaultProxy proxy, string space, Func<PostgresStoreOptions, PostgresStoreOptions>? change = null) =>
        server.Open(space, o => (change?.Invoke(o) ?? o) with { Hosts = [new(proxy.Host, proxy.Port)] });
}
