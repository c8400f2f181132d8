using System.Diagnostics;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Postgres.Tests;

/// <summary>The wall clock of the running server is moved by an hour: nobody who lives is buried, nobody who is dead stays.</summary>
public sealed class ClockStepTests
{
    private static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(3);

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_step_of_an_hour_buries_nobody_who_lives_and_spares_nobody_who_is_dead(int hours)
    {
        using var clock = await SteppedClock.TryCreateAsync();
        Assert.SkipWhen(clock is null, "NOT TESTED: clock steps need a C compiler ('cc') for clockstep.c, and there is none");
        await using var server = await PostgresServer.StartAsync(new() { Clock = clock });
        await using var alive = new PostgresStore(server.Options("clock"));
        await using var other = new PostgresStore(server.Options("clock"));
        var living = (await alive.OpenSessionAsync(TimeToLive)).Id;
        await alive.PutAsync("q/living", default, living);
        var (before, _) = await other.GetServerTimeAsync();
        Assert.InRange(before - TimeProvider.System.GetUtcNow(), TimeSpan.FromSeconds(-5), TimeSpan.FromSeconds(1));

        clock.Step(TimeSpan.FromHours(hours));
        var (after, resolution) = await other.GetServerTimeAsync();
        Assert.InRange((after - before) / TimeSpan.FromHours(hours), 0.9, 1.1);
        Assert.Equal(TimeSpan.FromMicroseconds(1), resolution);

        // one renewal is dropped, the other is late by a tenth
        await Task.Delay(TimeToLive * 2 / 3 * 1.1, TimeProvider.System);
        Assert.True(await alive.RenewSessionAsync(living));

        var watch = Stopwatch.StartNew();
        var dying = (await other.OpenSessionAsync(TimeToLive)).Id;
        await other.PutAsync("q/dying", default, dying);
        clock.Step(TimeSpan.Zero);
        var lastRenewal = Stopwatch.StartNew();
        while (await other.GetAsync("q/dying") is not null)
        {
            if (lastRenewal.Elapsed > TimeToLive * 2 / 3)
            {
                Assert.True(await alive.RenewSessionAsync(living));
                lastRenewal.Restart();
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }

        Assert.True(watch.Elapsed >= TimeToLive * 0.95, $"{watch.Elapsed}");
        Assert.True(watch.Elapsed <= (TimeToLive * 2) + TimeSpan.FromSeconds(3), $"{watch.Elapsed}");
        Assert.True(await alive.RenewSessionAsync(living));
        Assert.NotNull(await other.GetAsync("q/living"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public async Task A_try_with_zero_wait_finds_out_about_a_holder_that_looks_dead(int hours)
    {
        using var clock = await SteppedClock.TryCreateAsync();
        Assert.SkipWhen(clock is null, "NOT TESTED: clock steps need a C compiler ('cc') for clockstep.c, and there is none");
        await using var server = await PostgresServer.StartAsync(new() { Clock = clock });
        SessionId dead;
        await using (var holder = new PostgresStore(server.Options("try")))
        {
            dead = (await holder.OpenSessionAsync(TimeToLive)).Id;
            await holder.PutAsync("q/dead", default, dead);
        }

        clock.Step(TimeSpan.FromHours(hours));

        // a process that lives for one commit only: it never observes for a whole time to live by itself
        await using var store = new PostgresStore(server.Options("try"));
        var watch = Stopwatch.StartNew();
        var result = await store.CommitAsync(new([Condition.Absent("q/mine")], [Write.Put("q/mine", default)], [Read.Scan("q/")])).InTime();

        Assert.True(result.Accepted);
        Assert.Equal(["q/mine"], result.Reads[0].Select(e => e.Key));
        Assert.True(watch.Elapsed >= TimeToLive * 0.95, $"{watch.Elapsed}");
        Assert.True(watch.Elapsed < (TimeToLive * 2) + TimeSpan.FromSeconds(3), $"{watch.Elapsed}");

        // one that lives is left alone, whatever the clock says, and is not waited for longer than until its next renewal
        var living = (await store.OpenSessionAsync(TimeToLive)).Id;
        await store.PutAsync("q/living", default, living);
        clock.Step(TimeSpan.Zero);
        var renewing = Task.Run(async () =>
        {
            for (int i = 0; i < 3; i++)
            {
                await Task.Delay(TimeToLive / 3, TimeProvider.System);
                Assert.True(await store.RenewSessionAsync(living));
            }
        });
        await using var late = new PostgresStore(server.Options("try"));
        var queue = await late.CommitAsync(new(writes: [Write.Put("q/late", default)], reads: [Read.Scan("q/")])).InTime();
        Assert.Contains("q/living", queue.Reads[0].Select(e => e.Key));
        await renewing;
    }
}
