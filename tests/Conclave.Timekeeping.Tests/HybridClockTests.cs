using Conclave.Testing;

namespace Conclave.Timekeeping.Tests;

/// <summary>The hybrid logical clock: examples, and properties over random runs.</summary>
public sealed class HybridClockTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public void Timestamps_follow_the_time_and_count_within_a_millisecond()
    {
        var clock = new HybridClock(_time);
        var first = clock.Tick();
        Assert.Equal((_time.GetUtcNow(), (ushort)0), (first.Time, first.Logical));
        Assert.Equal((first.Time, (ushort)1), (clock.Tick().Time, clock.Last.Logical));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal((_time.GetUtcNow(), (ushort)0), (clock.Tick().Time, clock.Last.Logical));

        // the wall clock goes back, timestamps do not
        var last = clock.Last;
        _time.StepWallClock(TimeSpan.FromHours(-1));
        Assert.Equal(new(last.Value + 1), clock.Tick());
    }

    [Fact]
    public void What_is_received_comes_before_what_follows_from_it()
    {
        var clock = new HybridClock(_time);
        var ahead = new HybridTimestamp(_time.GetUtcNow().AddMilliseconds(400), 7);
        var received = clock.Receive(ahead);
        Assert.True(received > ahead);
        Assert.Equal((ahead.Time, (ushort)8), (received.Time, received.Logical));
        Assert.True(clock.Tick() > received);
        var last = clock.Last;
        Assert.True(clock.Receive(default) > last);
    }

    [Fact]
    public void A_timestamp_that_is_too_far_ahead_is_refused_and_changes_nothing()
    {
        var clock = new HybridClock(_time, new() { MaxOffset = TimeSpan.FromMilliseconds(100) });
        var last = clock.Tick();
        var far = new HybridTimestamp(_time.GetUtcNow().AddHours(1));
        var refused = Assert.Throws<ClockOffsetException>(() => clock.Receive(far));
        Assert.Equal((far, TimeSpan.FromHours(1), TimeSpan.FromMilliseconds(100)), (refused.Received, refused.Ahead, refused.MaxOffset));
        Assert.Contains("3600000 ms ahead", refused.Message, StringComparison.Ordinal);
        Assert.False(clock.TryReceive(new(_time.GetUtcNow().AddMilliseconds(101)), out _));
        Assert.False(clock.TryReceive(new(ulong.MaxValue), out _));
        Assert.Equal(last, clock.Last);
        Assert.True(clock.TryReceive(new(_time.GetUtcNow().AddMilliseconds(100)), out var received));
        Assert.Equal(received, clock.Last);
    }

    [Fact]
    public void A_clock_goes_on_after_what_it_gave_out_before_a_restart()
    {
        var last = new HybridClock(_time).Tick();
        _time.StepWallClock(TimeSpan.FromSeconds(-10));
        Assert.True(new HybridClock(_time).Tick() < last);
        Assert.True(new HybridClock(_time, new() { StartAfter = last }).Tick() > last);
        Assert.Throws<ArgumentOutOfRangeException>(() => new HybridClock(_time, new() { StartAfter = new(ulong.MaxValue) }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new HybridClock(_time, new() { MaxOffset = TimeSpan.Zero }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new HybridClock(_time, new() { MaxOffset = TimeSpan.FromDays(2) }));
    }

    [Fact]
    public void More_than_fit_a_millisecond_run_over_into_the_next()
    {
        var clock = new HybridClock(_time);
        var first = clock.Tick();
        for (int i = 0; i < 65_536; i++)
        {
            clock.Tick();
        }

        Assert.Equal((first.Time.AddMilliseconds(1), (ushort)0), (clock.Last.Time, clock.Last.Logical));
    }

    [Fact]
    public void A_synchronized_clock_tells_the_time()
    {
        var source = new ManualClock(_time);
        source.Set(_time.GetUtcNow().AddDays(1), TimeSpan.FromMilliseconds(1));
        Assert.Equal(_time.GetUtcNow().AddDays(1), new HybridClock(source).Tick().Time);
    }

    [Fact]
    public void Numbers_bytes_and_text_sort_alike_and_come_back()
    {
        var random = new Random(5);
        HybridTimestamp[] stamps = [default, new(ulong.MaxValue), new(DateTimeOffset.UnixEpoch), .. Enumerable.Range(0, 1000).Select(_ => new HybridTimestamp((ulong)random.NextInt64() << random.Next(0, 2) >> random.Next(0, 60)))];
        foreach (var one in stamps)
        {
            Assert.Equal(one, HybridTimestamp.Parse(one.ToString()));
            Assert.Equal(one, HybridTimestamp.ReadFrom(Bytes(one)));
            Assert.Equal(16, one.ToString().Length);
            var other = stamps[random.Next(stamps.Length)];
            int order = one.Value.CompareTo(other.Value);
            Assert.Equal(order, Math.Sign(string.CompareOrdinal(one.ToString(), other.ToString())));
            Assert.Equal(order, Math.Sign(Bytes(one).AsSpan().SequenceCompareTo(Bytes(other))));
            Assert.Equal(order, Math.Sign(one.CompareTo(other)));
            Assert.Equal(order < 0, one < other);
            Assert.Equal(order > 0, one > other);
            Assert.Equal(order <= 0, one <= other);
            Assert.Equal(order >= 0, one >= other);
        }

        Assert.False(HybridTimestamp.TryParse("", null, out _));
        Assert.False(HybridTimestamp.TryParse("0x12345678901234", null, out _));
        Assert.False(HybridTimestamp.TryParse("00000000000000001", null, out _));
        Assert.Throws<FormatException>(() => HybridTimestamp.Parse("0123456789abcdeg"));
        Assert.Throws<ArgumentOutOfRangeException>(() => new HybridTimestamp(DateTimeOffset.UnixEpoch.AddMilliseconds(-1)));

        static byte[] Bytes(HybridTimestamp stamp)
        {
            byte[] bytes = new byte[HybridTimestamp.Size];
            stamp.WriteTo(bytes);
            return bytes;
        }
    }

    /// <summary>Processes with clocks that are off, drift and step exchange messages that are delayed, lost and reordered.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Effects_are_after_their_causes_and_no_timestamp_is_far_ahead_of_the_fastest_clock(int seed)
    {
        const int processes = 5, steps = 20_000;
        var random = new Random(seed);
        var maxOffset = TimeSpan.FromMilliseconds(200);
        var times = Enumerable.Range(0, processes).Select(_ => new ManualTimeProvider()).ToArray();
        Array.ForEach(times, t => t.StepWallClock(TimeSpan.FromMilliseconds(random.Next(-80, 80))));
        var clocks = times.Select(t => new HybridClock(t, new() { MaxOffset = maxOffset })).ToArray();
        var last = new HybridTimestamp[processes];
        var sent = new List<HybridTimestamp>();
        for (int i = 0; i < steps; i++)
        {
            int p = random.Next(processes);
            times[p].Advance(TimeSpan.FromMicroseconds(random.Next(0, 400)));
            if (random.Next(500) == 0)
            {
                times[p].StepWallClock(TimeSpan.FromMilliseconds(random.Next(-50, 50)));
            }

            HybridTimestamp stamp;
            if (sent.Count > 0 && random.Next(2) == 0)
            {
                var message = sent[random.Next(sent.Count)];
                bool isFarAhead = message.Time - times[p].GetUtcNow() > maxOffset;
                Assert.Equal(!isFarAhead, clocks[p].TryReceive(message, out stamp));
                if (isFarAhead)
                {
                    Assert.Equal(last[p], clocks[p].Last);
                    continue;
                }

                Assert.True(stamp > message, "an effect is after its cause");
            }
            else
            {
                stamp = clocks[p].Tick();
                sent.Add(stamp);
            }

            Assert.True(stamp > last[p], "timestamps of a process grow");
            Assert.True(stamp.Time >= times[p].GetUtcNow().AddMilliseconds(-1), "a timestamp is not behind its clock");
            Assert.True(stamp.Time <= times.Max(t => t.GetUtcNow()) + TimeSpan.FromMilliseconds(200 + 50), "a timestamp is not far ahead of the fastest clock");
            last[p] = stamp;
        }
    }

    [Fact]
    public async Task Eight_threads_get_different_timestamps_that_grow()
    {
        const int threads = 8, each = 50_000;
        var clock = new HybridClock(TimeProvider.System);
        var results = await Task.WhenAll(Enumerable.Range(0, threads).Select(_ => Task.Factory.StartNew(
            () =>
            {
                var stamps = new HybridTimestamp[each];
                for (int i = 0; i < each; i++)
                {
                    var seen = clock.Last;
                    stamps[i] = i % 3 == 0 ? clock.Receive(seen) : clock.Tick();
                    Assert.True(stamps[i] > seen && (i == 0 || stamps[i] > stamps[i - 1]));
                }

                return stamps;
            },
            TaskCreationOptions.LongRunning)));
        Assert.Equal(threads * each, results.SelectMany(r => r).Distinct().Count());
    }
}
