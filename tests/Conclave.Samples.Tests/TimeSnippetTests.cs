using Conclave.Samples.Tools;
using Conclave.Storage;
using Conclave.Testing;
using Conclave.Timekeeping;
using Conclave.Timekeeping.Tests;

namespace Conclave.Samples.Tests;

/// <summary>The code of docs/tools/time.md does what its page says.</summary>
public sealed class TimeSnippetTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task A_clock_tells_the_time_and_how_wrong_it_may_be()
    {
        using var one = new FakeTimeServer();
        using var two = new FakeTimeServer();
        using var three = new FakeTimeServer { Offset = TimeSpan.FromHours(1) };
        var before = TimeProvider.System.GetUtcNow();
        var reading = await TimeSnippets.ReadAsync([one.Address, two.Address, three.Address], CancellationToken.None).WaitAsync(Deadline);
        var after = TimeProvider.System.GetUtcNow();
        Assert.Equal(ClockState.Synchronized, reading.State);
        Assert.True(reading.Interval.Overlaps(new(before, after)));
        Assert.True(reading.Uncertainty < TimeSpan.FromMinutes(1));
    }

    [Fact]
    public void Questions_have_three_answers()
    {
        var clock = Clock(TimeSpan.Zero);
        var now = clock.Read().Time;
        Assert.StartsWith("too late", TimeSnippets.Decide(clock, now.AddSeconds(-1)), StringComparison.Ordinal);
        Assert.StartsWith("in time", TimeSnippets.Decide(clock, now.AddSeconds(1)), StringComparison.Ordinal);
        Assert.StartsWith("nobody", TimeSnippets.Decide(clock, now), StringComparison.Ordinal);
        clock.Lose(ClockState.Untrusted);
        Assert.StartsWith("nobody", TimeSnippets.Decide(clock, now.AddSeconds(-1)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_commit_is_told_when_its_stamp_is_over()
    {
        var clock = Clock(TimeSpan.Zero);
        DateTimeOffset stamp = default;
        bool told = false;
        var commit = TimeSnippets.CommitAsync(
            clock,
            given =>
            {
                stamp = given;
                return Task.CompletedTask;
            },
            () =>
            {
                told = true;
                return Task.CompletedTask;
            },
            CancellationToken.None);
        while (!commit.IsCompleted)
        {
            Assert.False(told);
            _time.Advance(TimeSpan.FromMilliseconds(1));
            await Task.Yield();
        }

        await commit;
        Assert.True(told && clock.IsAfter(stamp) == true);
    }

    [Fact]
    public void Time_is_provided_and_stamped()
    {
        var clock = Clock(TimeSpan.FromMinutes(3));
        Assert.Equal(_time.GetUtcNow().AddMinutes(3), TimeSnippets.Provide(clock));
        var message = new HybridTimestamp(_time.GetUtcNow().AddMinutes(3).AddMilliseconds(100));
        Assert.True(TimeSnippets.Stamp(clock, message) > message);
    }

    [Fact]
    public async Task The_clock_that_is_wrong_is_named()
    {
        await using var conclave = new ConclaveClient(new MemoryStore());
        var log = new List<string>();
        await using var one = await conclave.Clocks().JoinAsync(Clock(TimeSpan.Zero));
        await using var two = await conclave.Clocks().JoinAsync(Clock(TimeSpan.FromHours(1)), new() { Label = "wrong" });
        var report = await TimeSnippets.CompareAsync(conclave, Clock(TimeSpan.Zero), log.Add, CancellationToken.None).WaitAsync(Deadline);
        Assert.Equal("wrong", Assert.Single(report.Skewed).Name);
        Assert.Contains(log, line => line.StartsWith("the clock of wrong is 00:59:59.", StringComparison.Ordinal));
    }

    private ManualClock Clock(TimeSpan offset)
    {
        var clock = new ManualClock(_time);
        clock.Set(_time.GetUtcNow() + offset, TimeSpan.FromMilliseconds(5));
        return clock;
    }
}
