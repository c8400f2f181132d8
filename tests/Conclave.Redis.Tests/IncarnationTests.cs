using System.Diagnostics;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Redis.Tests;

/// <summary>The server forgets: all of it, nothing but its process, or only the last commits.</summary>
public sealed class IncarnationTests
{
    private static readonly TimeSpan Ttl = StoreLimits.MinTimeToLive;

    private static readonly string[] Durable = ["--appendonly", "yes", "--appendfsync", "always"];

    private static RedisStore Short(RedisServer server, bool trustEmpty = true) =>
        server.Store(change: o => o with { LongestTimeToLive = Ttl, TrustEmptyServer = trustEmpty, CommandTimeout = TimeSpan.FromSeconds(2) });

    [Fact]
    public async Task A_restart_without_data_ends_sessions_raises_the_epoch_and_waits_out()
    {
        await using var server = await RedisServer.StartAsync();
        await using var store = Short(server);
        var session = (await store.OpenSessionAsync(Ttl)).Id;
        long before = await store.PutAsync("lock/x", default, session);

        await server.KillAsync();
        var watch = Stopwatch.StartNew();
        await server.StartAsync();

        Assert.False(await Eventually.AnswerAsync(() => store.RenewSessionAsync(session)));
        Assert.Equal("1", Text(await store.GetAsync(StoreNames.EpochKey)));
        var refused = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.OpenSessionAsync(Ttl));
        Assert.Contains("trustEmpty", refused.Message, StringComparison.Ordinal);
        var next = (await Eventually.AnswerAsync(() => store.OpenSessionAsync(Ttl))).Id;
        Assert.InRange(watch.Elapsed, Ttl, Ttl + TimeSpan.FromSeconds(5));
        Assert.True(await store.PutAsync("lock/x", default, next) > before, "revisions rise though everything is forgotten");
    }

    [Fact]
    public async Task A_restart_with_data_ends_sessions_and_keeps_the_rest()
    {
        await using var server = await RedisServer.StartAsync(arguments: Durable);
        await using var store = Short(server);
        await using var idle = Short(server);
        var session = (await store.OpenSessionAsync(Ttl)).Id;
        long free = await store.PutAsync("free", default);
        long bound = await store.PutAsync("lock/x", default, session);
        _ = await idle.GetAsync("free");

        await server.KillAsync();
        var watch = Stopwatch.StartNew();
        await server.StartAsync();

        Assert.Null(await Eventually.AnswerAsync(() => idle.GetAsync("lock/x")));
        Assert.Equal(free, (await store.GetAsync("free"))!.Revision);
        Assert.Equal("1", Text(await store.GetAsync(StoreNames.EpochKey)));
        Assert.False(await store.RenewSessionAsync(session));
        await Assert.ThrowsAsync<SessionExpiredException>(async () => await store.PutAsync("lock/x", default, session));
        await Eventually.AnswerAsync(() => store.OpenSessionAsync(Ttl));
        Assert.InRange(watch.Elapsed, Ttl, Ttl + TimeSpan.FromSeconds(5));
        Assert.True(await store.PutAsync("lock/x", default) > bound);
    }

    [Fact]
    public async Task A_client_that_was_never_there_waits_out_too_where_the_server_is_young()
    {
        await using var server = await RedisServer.StartAsync();
        var watch = Stopwatch.StartNew();
        await using var store = Short(server, trustEmpty: false);
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.OpenSessionAsync(Ttl));
        _ = await store.PutAsync("free", default);

        await Eventually.AnswerAsync(() => store.OpenSessionAsync(Ttl));

        Assert.InRange(watch.Elapsed, Ttl, Ttl + TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task Who_vouches_for_an_empty_server_ends_the_wait_of_all_but_not_one_that_followed_a_loss()
    {
        await using var server = await RedisServer.StartAsync();
        await using (var first = Short(server, trustEmpty: false))
        {
            await Assert.ThrowsAsync<StoreUnavailableException>(async () => await first.OpenSessionAsync(Ttl));
            await using var vouching = Short(server);
            _ = await vouching.OpenSessionAsync(Ttl);
            _ = await first.OpenSessionAsync(Ttl);

            await server.KillAsync();
            await server.StartAsync();
            TimeSpan? left = null;
            await Eventually.TrueAsync(async () =>
            {
                left = (await Assert.ThrowsAsync<StoreUnavailableException>(async () => await first.OpenSessionAsync(Ttl))).RetryAfter;
                return left is not null;
            });
            Assert.InRange(left!.Value, TimeSpan.FromMilliseconds(1), Ttl * 1.1);
        }

        await using var later = Short(server);
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await later.OpenSessionAsync(Ttl));
    }

    [Fact]
    public async Task A_lock_that_may_wait_waits_the_refusal_out_and_one_that_may_not_says_how_long_it_lasts()
    {
        await using var server = await RedisServer.StartAsync();
        using var log = new RecordedLog();
        var store = server.Store(change: o => o with { LongestTimeToLive = TimeSpan.FromSeconds(4), TrustEmptyServer = false });
        await using var client = new ConclaveClient(store, new()
        {
            SessionTimeToLive = Ttl,
            OperationTimeout = TimeSpan.FromSeconds(1),
            LoggerFactory = log,
        });

        var refused = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await client.Lock("x").TryAcquireAsync());
        Assert.Contains("New sessions are refused for another", refused.Message, StringComparison.Ordinal);
        refused = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await client.Lock("x").AcquireAsync(TimeSpan.FromSeconds(1.5)));
        Assert.Contains("New sessions are refused for another", refused.Message, StringComparison.Ordinal);

        var counted = client.Counter("x").AddAsync(1).AsTask();
        await using var claim = await client.Lock("x").AcquireAsync().InTime();
        Assert.True(claim.IsHeld);
        Assert.Equal(1, await counted.InTime());
        Assert.Single(log.Written, l => l.Contains("New sessions are refused", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Processes_that_live_shorter_than_the_wait_out_get_there_together()
    {
        await using var server = await RedisServer.StartAsync();
        var watch = Stopwatch.StartNew();
        bool opened = false;
        int processes = 0;
        while (!opened)
        {
            processes++;
            await using var brief = Short(server, trustEmpty: false);
            for (int i = 0; i < 8 && !opened; i++)
            {
                try
                {
                    await brief.OpenSessionAsync(Ttl);
                    opened = true;
                }
                catch (StoreUnavailableException)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
                }
            }

            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(15));
        }

        Assert.InRange(watch.Elapsed, Ttl, TimeSpan.FromSeconds(8));
        Assert.True(processes > 2, $"{processes} processes");
    }

    [Fact]
    public async Task A_failover_that_lost_only_the_lock_entry_ends_the_session_and_waits_out()
    {
        await using var master = await RedisServer.StartAsync(arguments: ["--repl-diskless-sync-delay", "0"]);
        await using var replica = await master.StartReplicaAsync();
        await using var store = master.Store(change: o => o with
        {
            Hosts = [new("127.0.0.1", master.Port), new("127.0.0.1", replica.Port)],
            LongestTimeToLive = Ttl,
        });
        var session = (await store.OpenSessionAsync(Ttl)).Id;
        await store.PutAsync("replicated", default, session);
        await Eventually.TrueAsync(async () => await replica.DoAsync("HEXISTS", "conclave:{test}:entries", "replicated") == "1");
        await replica.DoAsync("REPLICAOF", "NO", "ONE");
        long lost = await store.PutAsync("lock/x", default, session);

        var watch = Stopwatch.StartNew();
        await master.KillAsync();

        Assert.Null(await Eventually.AnswerAsync(() => store.GetAsync("replicated")));
        Assert.False(await store.RenewSessionAsync(session));
        Assert.Equal("1", Text(await store.GetAsync(StoreNames.EpochKey)));
        await Eventually.AnswerAsync(() => store.OpenSessionAsync(Ttl));
        Assert.InRange(watch.Elapsed, Ttl, Ttl + TimeSpan.FromSeconds(5));
        Assert.True(await store.PutAsync("lock/x", default) > lost);
    }

    [Fact]
    public async Task While_there_are_two_masters_tokens_tell_their_holders_apart()
    {
        // long enough that no busy machine ends a session
        var longest = Ttl * 4;
        await using var master = await RedisServer.StartAsync(arguments: ["--repl-diskless-sync-delay", "0"]);
        await using var replica = await master.StartReplicaAsync();
        await using var way = new FaultProxy(new("127.0.0.1", master.Port));
        await using var one = new ConclaveClient(master.Store(change: o => o with { LongestTimeToLive = longest, TrustEmptyServer = true }), new() { SessionTimeToLive = longest });
        await using var two = new ConclaveClient(
            master.Store(change: o => o with { Hosts = [way.Host, new("127.0.0.1", replica.Port)], LongestTimeToLive = longest, TrustEmptyServer = true, CommandTimeout = TimeSpan.FromSeconds(2) }),
            new() { SessionTimeToLive = longest, OperationTimeout = TimeSpan.FromSeconds(20) });
        var old = await one.Lock("x").AcquireAsync();
        Assert.Null(await two.Lock("x").TryAcquireAsync());
        await Eventually.TrueAsync(async () => await replica.DoAsync("HLEN", "conclave:{test}:entries") == await master.DoAsync("HLEN", "conclave:{test}:entries"));

        // the network parts: one and its master here, two and the new master there
        await replica.DoAsync("REPLICAOF", "NO", "ONE");
        way.Traffic = Traffic.Vanish;
        way.Cut();
        await using var young = await two.Lock("x").AcquireAsync(TimeSpan.FromSeconds(25)).InTime();

        // no client can know it: both believe, and the receiver of their writes sees who is older
        Assert.True(old.IsHeld);
        Assert.True(young.Token > old.Token);

        // a master that must have a replica stops serving, and then nobody believes there
        await master.DoAsync("CONFIG", "SET", "min-replicas-to-write", "1");
        await Eventually.TrueAsync(() => !old.IsHeld);
        Assert.True(young.IsHeld);
        await old.DisposeAsync();
    }

    [Fact]
    public async Task Data_that_are_removed_under_a_living_connection_are_noticed()
    {
        await using var server = await RedisServer.StartAsync();
        await using var one = Short(server);
        await using var two = Short(server);
        var session = (await one.OpenSessionAsync(Ttl)).Id;
        long before = await two.PutAsync("x", default);

        await server.DoAsync("FLUSHALL");

        Assert.True(await two.PutAsync("x", default) > before);
        Assert.False(await one.RenewSessionAsync(session));
        Assert.Equal("1", Text(await one.GetAsync(StoreNames.EpochKey)));
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await one.OpenSessionAsync(Ttl));
    }

    [Fact]
    public async Task The_epoch_rises_above_what_survivors_saw_though_a_stranger_made_the_namespace_anew()
    {
        await using var server = await RedisServer.StartAsync();
        await using var survivor = Short(server);
        await survivor.PutAsync(StoreNames.EpochKey, Bytes("41"));
        _ = await survivor.GetAsync(StoreNames.EpochKey);
        await server.DoAsync("FLUSHALL");
        await using (var stranger = Short(server))
        {
            await stranger.PutAsync("x", default);
        }

        _ = await survivor.GetAsync("x");

        Assert.Equal("42", Text(await survivor.GetAsync(StoreNames.EpochKey)));
    }

    [Fact]
    public async Task What_others_raised_while_we_watched_is_carried_over_to_a_server_that_forgot_it()
    {
        await using var server = await RedisServer.StartAsync();
        await using var watcher = Short(server);
        _ = await watcher.OpenSessionAsync(Ttl);
        await using (var patient = server.Store())
        {
            await patient.PutAsync(StoreNames.EpochKey, Bytes("7"));
        }

        // it looks for the dead every 1.2 s
        await Task.Delay(TimeSpan.FromSeconds(2.5), TimeProvider.System);
        await server.DoAsync("FLUSHALL");

        Assert.Equal("8", Text(await watcher.GetAsync(StoreNames.EpochKey)));
        Assert.Equal("30000", await server.DoAsync("HGET", "conclave:{test}:meta", "longest"));
    }

    private static string Text(Entry? entry) => System.Text.Encoding.UTF8.GetString(entry!.Value.Span);

    private static byte[] Bytes(string text) => System.Text.Encoding.UTF8.GetBytes(text);
}
