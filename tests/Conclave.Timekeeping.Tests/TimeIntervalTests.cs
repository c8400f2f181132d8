using System.Diagnostics.Metrics;
using System.Reflection;
using Conclave.Testing;

namespace Conclave.Timekeeping.Tests;

/// <summary>Intervals, the clock that is told the time, what clocks tell to listeners, and the rules of our public surface.</summary>
public sealed class TimeIntervalTests
{
    private static readonly DateTimeOffset Noon = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);

    public static TheoryData<Type> PublicTypes => [.. typeof(SynchronizedClock).Assembly.GetExportedTypes()];

    [Fact]
    public void Comparisons_answer_yes_no_or_that_it_cannot_be_told()
    {
        var interval = new TimeInterval(Noon, Noon.AddSeconds(2));
        Assert.Equal((true, null, null, false), (interval.IsAfter(Noon.AddTicks(-1)), interval.IsAfter(Noon), interval.IsAfter(Noon.AddSeconds(1)), interval.IsAfter(Noon.AddSeconds(2))));
        Assert.Equal((false, null, null, true), (interval.IsBefore(Noon), interval.IsBefore(Noon.AddSeconds(1)), interval.IsBefore(Noon.AddSeconds(2)), interval.IsBefore(Noon.AddSeconds(2.1))));
        var later = new TimeInterval(Noon.AddSeconds(3), Noon.AddSeconds(4));
        Assert.Equal((true, false, false, true), (interval.IsBefore(later), interval.IsAfter(later), later.IsBefore(interval), later.IsAfter(interval)));
        var crossing = new TimeInterval(Noon.AddSeconds(1), Noon.AddSeconds(5));
        Assert.Equal((null, null), (interval.IsBefore(crossing), interval.IsAfter(crossing)));
        Assert.Equal((true, false, TimeSpan.FromSeconds(2)), (interval.Overlaps(crossing), interval.Overlaps(later), interval.Width));
        Assert.True(interval.Contains(Noon) && interval.Contains(Noon.AddSeconds(2)) && !interval.Contains(Noon.AddSeconds(3)));
        Assert.Equal((null, null, true), (TimeInterval.Unknown.IsBefore(Noon), TimeInterval.Unknown.IsAfter(Noon), TimeInterval.Unknown.IsUnknown));
    }

    [Fact]
    public void An_interval_that_ends_before_it_begins_is_refused() =>
        Assert.Throws<ArgumentException>(() => new TimeInterval(Noon, Noon.AddTicks(-1)));

    [Fact]
    public void A_clock_that_is_told_the_time_goes_on_by_itself_and_gets_less_certain()
    {
        var time = new ManualTimeProvider();
        var clock = new ManualClock(time);
        var changes = new List<ClockState>();
        clock.Changed += (_, change) => changes.Add(change.After);
        Assert.Equal((ClockState.Unsynchronized, null), (clock.State, clock.GetStatus().Age));
        Assert.Throws<InvalidOperationException>(() => clock.Lose(ClockState.Holdover));

        clock.Set(Noon, TimeSpan.FromMilliseconds(1));
        time.Advance(TimeSpan.FromSeconds(100));
        var reading = clock.Read();
        Assert.Equal(Noon.AddSeconds(100), reading.Time);
        Assert.InRange(reading.Uncertainty!.Value, TimeSpan.FromMilliseconds(6), TimeSpan.FromMilliseconds(6.001));
        Assert.Equal(TimeSpan.FromSeconds(100), clock.GetStatus().Age);

        clock.Lose(ClockState.Holdover);
        Assert.True(clock.Read().IsBounded);
        clock.Lose(ClockState.Untrusted);
        Assert.Equal((null, Noon.AddSeconds(100)), (clock.Read().Uncertainty, clock.Read().Time));
        Assert.Equal([ClockState.Synchronized, ClockState.Holdover, ClockState.Untrusted], changes);
        Assert.Throws<ArgumentOutOfRangeException>(() => clock.Set(Noon, TimeSpan.FromTicks(-1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => clock.Lose(ClockState.Synchronized));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ManualClock(time, drift: -1));
    }

    [Fact]
    public async Task A_wait_ends_exactly_when_the_earliest_time_has_passed_the_instant()
    {
        var time = new ManualTimeProvider();
        var clock = new ManualClock(time, drift: 0);
        var waits = clock.WaitUntilAfterAsync(Noon.AddMilliseconds(10), TestContext.Current.CancellationToken).AsTask();
        time.Advance(TimeSpan.FromMinutes(5));
        Assert.False(waits.IsCompleted);
        clock.Set(Noon, TimeSpan.FromMilliseconds(5));
        for (int i = 0; i < 15; i++)
        {
            await Eventually.TrueAsync(() => time.ArmedTimers > 0);
            Assert.False(waits.IsCompleted);
            time.Advance(TimeSpan.FromMilliseconds(1));
        }

        time.Advance(TimeSpan.FromMilliseconds(1));
        await Eventually.TrueAsync(() => waits.IsCompleted);
        Assert.True(clock.IsAfter(Noon.AddMilliseconds(10)));
    }

    [Fact]
    public async Task A_clock_tells_its_bound_offset_and_state_to_who_listens()
    {
        using var server = new FakeTimeServer();
        await using var clock = new NtpClock([server.Address], Truth.Fast);
        await Truth.SynchronizedAsync(clock);
        var seen = new HashSet<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (instrument.Meter.Name == "Conclave")
                {
                    listening.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((instrument, _, _, _) => seen.Add(instrument.Name));
        listener.SetMeasurementEventCallback<int>((instrument, _, tags, _) => seen.Add($"{instrument.Name} {tags[0].Value}"));
        listener.Start();
        listener.RecordObservableInstruments();
        Assert.Superset(new HashSet<string>(["conclave.clock.uncertainty", "conclave.clock.offset", "conclave.clock.state Synchronized"]), seen);
    }

    [Theory]
    [MemberData(nameof(PublicTypes))]
    public void A_class_is_sealed_unless_it_is_made_to_be_derived_from(Type type) =>
        Assert.True(!type.IsClass || type.IsSealed || type.IsAbstract, $"{type} is neither sealed nor abstract");

    [Theory]
    [MemberData(nameof(PublicTypes))]
    public void Whatever_returns_a_task_takes_a_cancellation_token_last(Type type)
    {
        foreach (var method in type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
        {
            bool isAsync = typeof(Task).IsAssignableFrom(method.ReturnType) || method.ReturnType.Name.StartsWith("ValueTask", StringComparison.Ordinal);
            if (isAsync && method.Name != nameof(IAsyncDisposable.DisposeAsync))
            {
                Assert.Equal(typeof(CancellationToken), method.GetParameters()[^1].ParameterType);
                Assert.EndsWith("Async", method.Name, StringComparison.Ordinal);
            }
        }
    }
}
