using System.Diagnostics;
using Conclave.Storage;

namespace Conclave.Redis.Tests;

/// <summary>Sessions that nobody watches all the time: those who come by for a moment must get rid of the dead together.</summary>
public sealed class SuspectTests
{
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(3);

    [Fact]
    public async Task Processes_that_live_shorter_than_a_dead_session_bury_it_together_and_not_early()
    {
        await using var server = await RedisServer.StartAsync();
        await AbandonAsync(server, "queue/dead");
        await Task.Delay(Ttl + TimeSpan.FromMilliseconds(500), TimeProvider.System);

        var watch = Stopwatch.StartNew();
        int processes = 0;
        while (true)
        {
            processes++;
            await using var brief = server.Store(change: o => o with { SuspectPatience = TimeSpan.FromMilliseconds(700) });
            var session = (await brief.OpenSessionAsync(StoreLimits.MinTimeToLive)).Id;
            var joined = await brief.CommitAsync(new(writes: [Write.Put("queue/mine", default, session)], reads: [Read.Scan("queue/")]));
            Assert.True(joined.Accepted);
            if (joined.Reads[0].Length == 1)
            {
                break;
            }

            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20));
        }

        Assert.InRange(watch.Elapsed, Ttl, TimeSpan.FromSeconds(10));
        Assert.True(processes > 2, $"{processes} processes");
    }

    /// <summary>The scripts of the server and who looks must sort times to live alike, or the dead of some of them would stay.</summary>
    [Fact]
    public async Task Sessions_stand_among_those_of_their_class_until_they_end()
    {
        await using var server = await RedisServer.StartAsync();
        await using var store = server.Store(change: o => o with { LongestTimeToLive = StoreLimits.MaxTimeToLive });
        foreach (int milliseconds in (int[])[2000, 2827, 2828, 2829, 3999, 4000, 5655, 5656, 8000, 11311, 11312, 16000, 45247, 45248, 60000, 511999, 512000, 600000])
        {
            var session = (await store.OpenSessionAsync(TimeSpan.FromMilliseconds(milliseconds))).Id;
            Assert.True(await store.RenewSessionAsync(session));
            int floor = ObservedExpiry.Floors.Last(f => f <= milliseconds);
            string key = Assert.Single((await server.DoAsync("KEYS", "*late:*")).Split((char[])['\n', ' ', ','], StringSplitOptions.RemoveEmptyEntries));
            Assert.EndsWith($"late:{floor}", key, StringComparison.Ordinal);
            Assert.Equal(await server.DoAsync("ZSCORE", key[..key.LastIndexOf("late:", StringComparison.Ordinal)] + "beats", session.Value), await server.DoAsync("ZSCORE", key, session.Value));
            await store.CloseSessionAsync(session);
            Assert.Equal("", (await server.DoAsync("KEYS", "*late:*")).Trim());
        }
    }

    [Fact]
    public async Task A_try_that_meets_a_dead_holder_waits_for_the_verdict_and_wins()
    {
        await using var server = await RedisServer.StartAsync();
        await AbandonAsync(server, "lock/x/0000-1");
        await Task.Delay(Ttl + TimeSpan.FromMilliseconds(500), TimeProvider.System);
        await using var client = new ConclaveClient(server.Store());
        var watch = Stopwatch.StartNew();

        await using var claim = await client.Lock("x").TryAcquireAsync();

        Assert.NotNull(claim);
        Assert.InRange(watch.Elapsed, Ttl, Ttl + TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task A_try_that_meets_a_living_holder_answers_at_once()
    {
        await using var server = await RedisServer.StartAsync();
        await using var holder = new ConclaveClient(server.Store());
        await using var held = await holder.Lock("x").AcquireAsync();
        await using var other = new ConclaveClient(server.Store());
        _ = await other.Lock("warm").TryAcquireAsync();
        var watch = Stopwatch.StartNew();

        Assert.Null(await other.Lock("x").TryAcquireAsync());

        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(1.5));
    }

    /// <summary>A process that puts an entry of its session and dies without a word.</summary>
    private static async Task AbandonAsync(RedisServer server, string key)
    {
        await using var proxy = new FaultProxy(new("127.0.0.1", server.Port));
        await using var doomed = new RedisStore(server.Options() with { Hosts = [proxy.Host] });
        var session = (await doomed.OpenSessionAsync(Ttl)).Id;
        await doomed.PutAsync(key, "exclusive"u8.ToArray(), session);
        proxy.Traffic = Traffic.Vanish;
    }
}
