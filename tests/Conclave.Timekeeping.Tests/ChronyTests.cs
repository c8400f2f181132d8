using Conclave.Servers;

namespace Conclave.Timekeeping.Tests;

/// <summary>A fixture: one chrony for all that only ask it.</summary>
public sealed class OneChrony() : SharedServer<ChronyServer>(() => ChronyServer.StartAsync());

/// <summary>Against a real chrony on this machine: it serves the clock that we compare with, so the truth is known.</summary>
public sealed class ChronyTests(OneChrony fixture) : IClassFixture<OneChrony>
{
    private const int Samples = 10_000;

    [Fact]
    public async Task The_truth_is_within_the_bound_in_every_one_of_ten_thousand_samples()
    {
        await using var clock = await ClockAsync();
        await Truth.SynchronizedAsync(clock);
        var worst = TimeSpan.Zero;
        for (int i = 0; i < Samples; i++)
        {
            var reading = Truth.Holds(clock);
            Assert.True(reading.IsBounded);
            worst = reading.Uncertainty > worst ? reading.Uncertainty.Value : worst;
            if (i % 100 == 0)
            {
                // over several polls and what they change
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, TestContext.Current.CancellationToken);
            }
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"the widest bound was {worst.TotalMicroseconds:0} µs; {Truth.Describe(clock)}");
    }

    [Fact]
    public async Task The_truth_is_within_the_bound_under_full_load()
    {
        await using var clock = await ClockAsync();
        using var stop = new CancellationTokenSource();
        var spinning = Enumerable.Range(0, Environment.ProcessorCount * 2).Select(_ =>
        {
            var thread = new Thread(() => Spin(stop.Token));
            thread.Start();
            return thread;
        }).ToArray();
        try
        {
            await Truth.SynchronizedAsync(clock);
            await Truth.HoldsForAsync(clock, TimeSpan.FromSeconds(1.5));
        }
        finally
        {
            await stop.CancelAsync();
            Array.ForEach(spinning, t => t.Join());
        }
    }

    [Fact]
    public async Task Starving_the_thread_pool_keeps_nothing_from_being_right()
    {
        ThreadPool.GetMinThreads(out int workers, out _);
        using var release = new ManualResetEventSlim();
        int blocked = 0;
        var blocking = Enumerable.Range(0, workers * 4).Select(_ => Task.Factory.StartNew(
            () =>
            {
                Interlocked.Increment(ref blocked);
                release.Wait(Eventually.Patience);
            },
            CancellationToken.None, TaskCreationOptions.PreferFairness, TaskScheduler.Default)).ToArray();

        // whatever asserts here must not need the pool either
        Exception? failure = null;
        var server = await fixture.GetAsync();
        var looking = new Thread(() =>
        {
            var clock = new NtpClock([$"{server.Host}:{server.Port}"], Truth.Fast);
            try
            {
                SpinWait.SpinUntil(() => clock.State == ClockState.Synchronized, Eventually.Patience);
                Assert.Equal(ClockState.Synchronized, clock.State);
                for (int i = 0; i < Samples; i++)
                {
                    Truth.Holds(clock);
                }

                var age = clock.GetStatus().Age;
                Assert.True(SpinWait.SpinUntil(() => clock.GetStatus().Age < age, Eventually.Patience), "it polls on");
                Truth.Holds(clock);
            }
            catch (Exception e)
            {
                failure = e;
            }
            finally
            {
                release.Set();
                _ = clock.DisposeAsync().AsTask();
            }
        });
        looking.Start();
        looking.Join();
        await Task.WhenAll(blocking);
        Assert.Null(failure);
        Assert.True(blocked > 0);
    }

    [Fact]
    public async Task A_server_whose_clock_is_moved_while_it_runs_is_outvoted_and_taken_back()
    {
        using var wall = await SteppedClock.TryCreateAsync();
        Assert.SkipWhen(wall is null, "NOT TESTED: a chrony with another clock needs a C compiler ('cc') for clockstep.c, and there is none");
        await using var bad = await ChronyServer.StartAsync(wall);
        var good = await fixture.GetAsync();
        await using var other = await ChronyServer.StartAsync();
        await using var clock = new NtpClock([$"{good.Host}:{good.Port}", $"{other.Host}:{other.Port}", $"{bad.Host}:{bad.Port}"], Truth.Fast);
        await Truth.SynchronizedAsync(clock);
        foreach (double seconds in (double[])[7, -3, 0.05, -3600])
        {
            wall.Step(TimeSpan.FromSeconds(seconds));
            await Eventually.TrueAsync(() => Rejected(clock), () => Truth.Describe(clock));
            Assert.Equal(ClockState.Synchronized, clock.State);
        }

        wall.Step(TimeSpan.Zero);
        await Eventually.TrueAsync(
            () =>
            {
                Truth.Holds(clock);
                return clock.GetStatus().Sources[2].Verdict == SourceVerdict.Used;
            },
            () => Truth.Describe(clock));

        static bool Rejected(NtpClock clock)
        {
            Truth.Holds(clock);
            return clock.GetStatus().Sources[2].Verdict == SourceVerdict.Outvoted;
        }
    }

    [Fact]
    public async Task A_server_that_stops_and_comes_back_is_followed_through_holdover()
    {
        await using var server = await ChronyServer.StartAsync();
        await using var clock = new NtpClock([$"{server.Host}:{server.Port}"], Truth.Fast);
        await Truth.SynchronizedAsync(clock);
        server.Stop();
        await Eventually.TrueAsync(() => clock.State == ClockState.Holdover, () => Truth.Describe(clock));
        Truth.Holds(clock);
        server.Continue();
        await Truth.SynchronizedAsync(clock);
        Truth.Holds(clock);
    }

    private static void Spin(CancellationToken until)
    {
        while (!until.IsCancellationRequested)
        {
            Thread.SpinWait(1000);
        }
    }

    private async Task<NtpClock> ClockAsync()
    {
        var server = await fixture.GetAsync();
        return new([$"{server.Host}:{server.Port}"], Truth.Fast);
    }
}
