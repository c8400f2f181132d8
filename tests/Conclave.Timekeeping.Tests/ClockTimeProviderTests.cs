using System.Diagnostics;
using Conclave.Testing;

namespace Conclave.Timekeeping.Tests;

/// <summary>A time provider over a clock: it follows, slowly, and never back.</summary>
public sealed class ClockTimeProviderTests
{
    private static readonly DateTimeOffset Noon = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly ManualTimeProvider _time = new(Noon);

    [Fact]
    public void It_starts_where_the_clock_is_and_corrects_at_the_rate_that_was_asked_for()
    {
        var clock = Clock();
        var provider = clock.ToTimeProvider(new() { SlewRate = 0.001 });
        Assert.Equal(Noon, provider.GetUtcNow());

        clock.Set(Noon.AddMilliseconds(10), TimeSpan.FromMilliseconds(1));
        Assert.Equal(Noon, provider.GetUtcNow());
        Assert.Equal(TimeSpan.FromMilliseconds(10), provider.Pending);
        _time.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(Noon.AddSeconds(4).AddMilliseconds(4), provider.GetUtcNow());
        Assert.Equal(TimeSpan.FromMilliseconds(6), provider.Pending);
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(Noon.AddSeconds(14).AddMilliseconds(10), provider.GetUtcNow());
        Assert.Equal(TimeSpan.Zero, provider.Pending);
    }

    [Fact]
    public void Backward_corrections_are_slow_whatever_their_size_and_forward_ones_may_jump()
    {
        var clock = Clock();
        var provider = clock.ToTimeProvider();
        clock.Set(Noon.AddHours(-1), TimeSpan.FromMilliseconds(1));
        var before = provider.GetUtcNow();
        for (int i = 0; i < 100; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(10));
            var now = provider.GetUtcNow();
            Assert.InRange(now - before, TimeSpan.FromMilliseconds(9.99), TimeSpan.FromMilliseconds(10));
            before = now;
        }

        clock.Set(Noon.AddHours(2), TimeSpan.FromMilliseconds(1));
        Assert.Equal(Noon.AddHours(2), provider.GetUtcNow());

        var never = clock.ToTimeProvider(new() { JumpForwardAbove = Timeout.InfiniteTimeSpan });
        clock.Set(Noon.AddHours(3), TimeSpan.FromMilliseconds(1));
        Assert.Equal(Noon.AddHours(2), never.GetUtcNow());
    }

    [Fact]
    public void Timestamps_and_timers_follow_no_correction()
    {
        var clock = Clock();
        var provider = clock.ToTimeProvider();
        long start = provider.GetTimestamp();
        bool fired = false;
        using var timer = provider.CreateTimer(_ => fired = true, null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        _time.Advance(TimeSpan.FromMilliseconds(500));
        clock.Set(Noon.AddHours(1), TimeSpan.FromMilliseconds(1));
        _ = provider.GetUtcNow();
        Assert.False(fired);
        Assert.Equal(TimeSpan.FromMilliseconds(500), provider.GetElapsedTime(start));
        _time.Advance(TimeSpan.FromMilliseconds(500));
        Assert.True(fired);
        Assert.Equal(_time.LocalTimeZone, provider.LocalTimeZone);
    }

    [Fact]
    public void Impossible_settings_are_refused()
    {
        var clock = Clock();
        foreach (var options in (ClockTimeProviderOptions[])[new() { SlewRate = 0 }, new() { SlewRate = -1 }, new() { SlewRate = 1 }, new() { SlewRate = double.NaN }, new() { JumpForwardAbove = TimeSpan.FromSeconds(-2) }])
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => clock.ToTimeProvider(options));
        }
    }

    [Fact]
    public async Task Eight_threads_never_see_it_go_back_while_the_clock_is_corrected_all_the_time()
    {
        const int threads = 8, reads = 200_000;
        var clock = new ManualClock();
        clock.Set(TimeProvider.System.GetUtcNow(), TimeSpan.FromMilliseconds(1));
        var provider = clock.ToTimeProvider(new() { SlewRate = 0.5 });
        long shared = 0;
        int left = threads;
        string? failure = null;
        var reading = Enumerable.Range(0, threads).Select(_ => Task.Factory.StartNew(
            () =>
            {
                for (int i = 0; i < reads && failure is null; i++)
                {
                    // what any thread has seen is behind all that is read from then on
                    long seen = Volatile.Read(ref shared);
                    long now = provider.GetUtcNow().UtcTicks;
                    failure ??= now >= seen ? null : $"{now} after {seen}";
                    if (now > seen)
                    {
                        Interlocked.CompareExchange(ref shared, now, seen);
                    }

                    var interval = clock.Read();
                    failure ??= interval.Earliest <= interval.Time && interval.Time <= interval.Latest ? null : $"torn: {interval}";
                }

                Interlocked.Decrement(ref left);
            },
            TaskCreationOptions.LongRunning)).ToArray();
        var random = new Random(1);
        while (Volatile.Read(ref left) > 0)
        {
            clock.Set(TimeProvider.System.GetUtcNow().AddMilliseconds(random.Next(-20, 20)), TimeSpan.FromMilliseconds(1));
            await Task.Yield();
        }

        await Task.WhenAll(reading);
        Assert.Null(failure);
    }

    private ManualClock Clock()
    {
        var clock = new ManualClock(_time, drift: 0);
        clock.Set(_time.GetUtcNow(), TimeSpan.FromMilliseconds(1));
        return clock;
    }
}
