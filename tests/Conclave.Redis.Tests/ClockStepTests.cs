using System.Diagnostics;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Redis.Tests;

/// <summary>The wall clock of the running server jumps by an hour, while sessions live and die.</summary>
public sealed class ClockStepTests
{
    private static readonly TimeSpan Ttl = StoreLimits.MinTimeToLive;

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_step_of_the_servers_clock_buries_nobody_who_lives_and_keeps_nobody_who_is_dead(int hours)
    {
        var clock = await SteppedClock.TryCreateAsync();
        Assert.SkipWhen(clock is null, "NOT TESTED: clock steps need a C compiler ('cc') for clockstep.c, and there is none");
        using (clock)
        {
            await using var server = await RedisServer.StartAsync(clock: clock);
            await using var living = server.Store();
            await using var other = server.Store();
            var alive = (await living.OpenSessionAsync(Ttl)).Id;
            await living.PutAsync("alive", default, alive);
            // from before it is opened: the store counts from when it heard of it
            var died = Stopwatch.StartNew();
            var dead = (await other.OpenSessionAsync(Ttl)).Id;
            await other.PutAsync("dead", default, dead);
            var (before, _) = await other.GetServerTimeAsync();
            Assert.InRange(before - TimeProvider.System.GetUtcNow(), TimeSpan.FromSeconds(-5), TimeSpan.FromSeconds(1));

            // a renewal every third, one of them dropped, and the one after it late by a tenth: the longest that a living session is silent
            TimeSpan? gone = null;
            for (int i = 0; i < 8; i++)
            {
                if (i == 2)
                {
                    clock.Step(TimeSpan.FromHours(hours));
                    var (after, resolution) = await other.GetServerTimeAsync();
                    Assert.InRange((after - before).TotalSeconds, (hours * 3600) - 10, (hours * 3600) + 10);
                    Assert.Equal(TimeSpan.FromMicroseconds(1), resolution);
                }

                var silence = i == 2 ? Ttl * (2.1 / 3) : Ttl / 3;
                var until = died.Elapsed + silence;
                while (died.Elapsed < until)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
                    gone ??= await other.GetAsync("dead") is null ? died.Elapsed : null;
                }

                Assert.True(await living.RenewSessionAsync(alive), $"the session that is renewed lives, renewal {i}");
            }

            Assert.NotNull(await other.GetAsync("alive"));
            Assert.NotNull(gone);

            // as in the kit, a busy machine may be as late as this on top
            Assert.InRange(gone.Value, Ttl - TimeSpan.FromMilliseconds(50), other.Description.LatestExpiry(Ttl) + TimeSpan.FromSeconds(2));
            TestContext.Current.TestOutputHelper!.WriteLine($"gone after {gone.Value.TotalSeconds:0.00} s, the bound is {other.Description.LatestExpiry(Ttl).TotalSeconds:0.0} s");
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_try_that_meets_the_living_or_the_dead_tells_them_apart(int hours)
    {
        var clock = await SteppedClock.TryCreateAsync();
        Assert.SkipWhen(clock is null, "NOT TESTED: clock steps need a C compiler ('cc') for clockstep.c, and there is none");
        using (clock)
        {
            await using var server = await RedisServer.StartAsync(clock: clock);
            await using var client = new ConclaveClient(server.Store(), new() { SessionTimeToLive = Ttl });
            await using var held = await client.Lock("held").AcquireAsync();
            await using (var proxy = new FaultProxy(new("127.0.0.1", server.Port)))
            {
                // dies without a word
                await using var doomed = new RedisStore(server.Options() with { Hosts = [proxy.Host] });
                var session = (await doomed.OpenSessionAsync(Ttl)).Id;
                await doomed.PutAsync("lock/left/" + session.Value + "-1", "exclusive"u8.ToArray(), session);
                proxy.Traffic = Traffic.Vanish;
            }

            clock.Step(TimeSpan.FromHours(hours));

            await using var brief = new ConclaveClient(server.Store(), new() { SessionTimeToLive = Ttl });
            Assert.Null(await brief.Lock("held").TryAcquireAsync());
            await Eventually.TrueAsync(async () => await brief.Lock("left").TryAcquireAsync() is not null);
            Assert.True(held.IsHeld);
            Assert.False(held.Lost.IsCancellationRequested);
        }
    }
}
