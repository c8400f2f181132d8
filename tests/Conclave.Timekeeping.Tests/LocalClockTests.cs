using Conclave.Testing;

namespace Conclave.Timekeeping.Tests;

/// <summary>The clock of this machine, with a kernel that says what a test wants, and with the real one.</summary>
public sealed class LocalClockTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public void The_bound_is_that_of_the_kernel_and_grows()
    {
        var kernel = new Kernel(new(true, TimeSpan.FromMilliseconds(2), TimeSpan.FromMicroseconds(30)));
        var clock = new LocalClock(_time, kernel);
        var first = clock.Read();
        Assert.Equal(ClockState.Synchronized, first.State);
        Assert.Equal(_time.GetUtcNow(), first.Time);
        Assert.InRange(first.Uncertainty!.Value, TimeSpan.FromMilliseconds(2), TimeSpan.FromMilliseconds(2.01));

        _time.Advance(TimeSpan.FromMilliseconds(900));
        Assert.True(clock.Read().Uncertainty > first.Uncertainty);
        Assert.Equal(_time.GetUtcNow(), clock.Read().Time);
        Assert.Equal(1, kernel.Asked);

        kernel.Answer = new(true, TimeSpan.FromMilliseconds(1), TimeSpan.FromMicroseconds(30));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.InRange(clock.Read().Uncertainty!.Value, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(1.01));
        Assert.Equal(2, kernel.Asked);
        Assert.Equal(SourceVerdict.Used, clock.GetStatus().Sources.Single().Verdict);
    }

    [Theory]
    [InlineData(false, 2000, 30)]
    [InlineData(true, 0, 0)]
    [InlineData(true, 2000, 0)]
    [InlineData(true, 0, 30)]
    public void What_the_kernel_does_not_know_is_unknown_and_never_zero(bool synchronized, int maxError, int estimated)
    {
        var clock = new LocalClock(_time, new Kernel(new(synchronized, TimeSpan.FromMicroseconds(maxError), TimeSpan.FromMicroseconds(estimated))));
        Assert.Equal((ClockState.Unsynchronized, null, true), (clock.State, clock.Read().Uncertainty, clock.Now.IsUnknown));
        Assert.Equal(SourceVerdict.Rejected, clock.GetStatus().Sources.Single().Verdict);
    }

    [Fact]
    public void Without_a_kernel_that_tells_the_bound_is_unknown()
    {
        var clock = new LocalClock(_time, new Kernel(null));
        Assert.False(clock.Read().IsBounded);
        Assert.Contains("does not tell", clock.GetStatus().Explanation, StringComparison.Ordinal);
        Assert.Equal(TimeSpan.Zero, clock.GetStatus().Offset);
    }

    [Fact]
    public void A_daemon_that_comes_and_goes_is_noticed()
    {
        var kernel = new Kernel(new(false, TimeSpan.FromSeconds(16), TimeSpan.FromSeconds(16)));
        var clock = new LocalClock(_time, kernel);
        var changes = new List<ClockState>();
        clock.Changed += (_, change) => changes.Add(change.After);
        clock.Changed += (_, _) => throw new InvalidOperationException("a handler that fails");
        kernel.Answer = new(true, TimeSpan.FromMilliseconds(2), TimeSpan.FromMicroseconds(30));
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.True(clock.Read().IsBounded);
        kernel.Answer = new(false, TimeSpan.FromSeconds(16), TimeSpan.FromSeconds(16));
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.False(clock.Read().IsBounded);
        Assert.Equal([ClockState.Synchronized, ClockState.Unsynchronized], changes);
    }

    [Fact]
    public async Task A_step_of_the_wall_clock_shows_after_a_second()
    {
        var clock = new LocalClock(_time, new Kernel(new(true, TimeSpan.FromMilliseconds(2), TimeSpan.FromMicroseconds(30))));
        _time.StepWallClock(TimeSpan.FromHours(1));
        Assert.Equal(_time.GetUtcNow() - TimeSpan.FromHours(1), clock.Read().Time);
        _time.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Equal(_time.GetUtcNow(), clock.Read().Time);
        await clock.DisposeAsync();
    }

    [Fact]
    public void The_real_kernel_is_asked_and_the_real_time_told()
    {
        var clock = new LocalClock();
        var reading = Truth.Holds(clock);
        if (!reading.IsBounded)
        {
            var (estimate, truth) = Truth.Look(clock);
            Assert.InRange(estimate.Time, truth.Earliest.AddMilliseconds(-100), truth.Latest.AddMilliseconds(100));
        }

        if (OperatingSystem.IsLinux())
        {
            var kernel = new KernelClock().Read()!.Value;
            Assert.InRange(kernel.MaxError, TimeSpan.Zero, TimeSpan.FromSeconds(20));
            Assert.Equal(kernel.IsSynchronized && kernel.EstimatedError > TimeSpan.Zero && kernel.MaxError > TimeSpan.Zero, reading.IsBounded);
        }
    }

    private sealed class Kernel(KernelEstimate? answer) : IKernelClock
    {
        public KernelEstimate? Answer { get; set; } = answer;

        public int Asked { get; private set; }

        public KernelEstimate? Read()
        {
            Asked++;
            return Answer;
        }
    }
}
