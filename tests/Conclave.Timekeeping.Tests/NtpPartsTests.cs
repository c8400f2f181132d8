namespace Conclave.Timekeeping.Tests;

/// <summary>The parts of the client that need no network: timestamps over eras, the filter, and who is believed.</summary>
public sealed class NtpPartsTests
{
    private const double Drift = 50e-6;

    [Theory]
    [InlineData("2026-11-21T18:00:00Z")]
    [InlineData("2036-02-07T06:28:15.9Z")]
    [InlineData("2036-02-07T06:28:16.1Z")]
    [InlineData("2079-01-01T00:00:00Z")]
    public void Differences_are_right_in_every_era(string text)
    {
        long now = DateTimeOffset.Parse(text, null).UtcTicks;
        foreach (double seconds in (double[])[0, 0.2, -0.2, 1, -1, 3600, -86400, 1e9, -1e9])
        {
            long later = now + (long)(seconds * TimeSpan.TicksPerSecond);
            Assert.InRange(NtpTimestamp.FromTicks(later).TicksSince(NtpTimestamp.FromTicks(now)), later - now - 1, later - now + 1);
            Assert.Equal(later < now, NtpTimestamp.FromTicks(later).IsBefore(NtpTimestamp.FromTicks(now)));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(-5)]
    public void An_answer_that_crosses_into_the_next_era_is_as_good_as_any(double offset)
    {
        long sent = new DateTimeOffset(2036, 2, 7, 6, 28, 15, 990, TimeSpan.Zero).UtcTicks;
        long received = sent + (20 * TimeSpan.TicksPerMillisecond);
        long truth = (long)(offset * TimeSpan.TicksPerSecond);
        var sample = NtpSample.Of(Answer(sent + (9 * TimeSpan.TicksPerMillisecond) + truth, sent + (11 * TimeSpan.TicksPerMillisecond) + truth), sent, received, Drift);
        Assert.InRange(sample.Offset - truth, -2, 2);
        Assert.InRange(sample.Delay, 18 * TimeSpan.TicksPerMillisecond - 2, 18 * TimeSpan.TicksPerMillisecond + 2);
        Assert.Null(NtpCheck.Problem(Answer(sent + (9 * TimeSpan.TicksPerMillisecond), sent + (11 * TimeSpan.TicksPerMillisecond)), sample));
    }

    [Fact]
    public void The_answer_that_was_disturbed_least_counts_until_its_age_costs_more()
    {
        var history = new NtpHistory();
        Assert.Null(history.Add(new(0, 10, 40, 20), Drift));
        Assert.Null(history.Add(new(1000, 5000, 20_000, 10_000), Drift));
        Assert.Equal(10, history.Best(1000, Drift).Offset);

        // 50 ppm of ten minutes are more than the delay of a worse answer
        Assert.Null(history.Add(new(TimeSpan.FromMinutes(10).Ticks, 3000, 18_000, 9_000), Drift));
        Assert.Equal(3000, history.Best(TimeSpan.FromMinutes(10).Ticks, Drift).Offset);
    }

    [Fact]
    public void A_jump_makes_what_was_known_worthless()
    {
        var history = new NtpHistory();
        history.Add(new(0, 0, 40, 20), Drift);
        Assert.Equal(1_000_000, history.Add(new(1000, 1_000_000, 4000, 2000), Drift));
        Assert.Equal(1_000_000, history.Best(2000, Drift).Offset);
    }

    [Fact]
    public void A_majority_is_found_and_a_place_where_liars_help_out_only_widens_it()
    {
        Assert.Null(NtpSelection.Of([], 1));
        Assert.Equal((-5, 5), Bounds(NtpSelection.Of([new(0, 5, 0)], 1)));
        Assert.Null(NtpSelection.Of([new(0, 5, 0), new(100, 5, 0)], 2));
        Assert.Equal((5, 5), Bounds(NtpSelection.Of([new(0, 5, 0), new(10, 5, 0)], 2)));
        Assert.Equal((-3, 2), Bounds(NtpSelection.Of([new(0, 5, 0), new(-1, 3, 0), new(1, 4, 0), new(500, 1, 0), new(-500, 1, 0)], 3)));

        // two liars at 40, where a vague but honest one reaches: the truth at 0 is still inside
        var selection = NtpSelection.Of([new(0, 2, 0), new(1, 2, 0), new(0, 60, 0), new(40, 1, 0), new(40, 1, 0)], 3);
        Assert.Equal((-1, 41), Bounds(selection));
        Assert.InRange(selection!.Offset, -1, 41);

        static (long, long)? Bounds(NtpSelection? selection) => selection is null ? null : (selection.Low, selection.High);
    }

    [Fact]
    public void Who_is_farthest_from_the_others_is_spared_until_three_are_left()
    {
        var selection = NtpSelection.Of([new(0, 1000, 1), new(2, 1000, 1), new(-2, 1000, 1), new(900, 1000, 1), new(1, 1000, 1)], 3)!;
        Assert.Equal(SourceVerdict.Spare, selection.Verdicts[3]);
        Assert.Equal(3, selection.Verdicts.Count(v => v == SourceVerdict.Used));
        Assert.InRange(selection.Offset, -2, 2);
    }

    /// <summary>Random servers, of which a minority lies in any way: the truth is never outside, and the estimate never either.</summary>
    [Fact]
    public void The_truth_is_always_inside_while_a_minority_lies()
    {
        var random = new Random(11);
        for (int run = 0; run < 100_000; run++)
        {
            int count = random.Next(1, 10);
            int liars = random.Next(0, ((count - 1) / 2) + 1);
            long truth = random.Next(-1000, 1000);
            long lie = random.Next(-2000, 2000);
            var claims = Enumerable.Range(0, count).Select(i =>
            {
                long distance = random.Next(1, random.Next(2) == 0 ? 10 : 1000);
                return i >= liars ? new NtpClaim(truth + random.NextInt64(-distance, distance + 1), distance, random.Next(100))
                    : new NtpClaim(random.Next(2) == 0 ? lie : random.Next(-2000, 2000), distance, 0);
            }).OrderBy(_ => random.Next()).ToArray();
            var selection = NtpSelection.Of(claims, (count / 2) + 1);
            Assert.NotNull(selection);
            Assert.InRange(truth, selection.Low, selection.High);
            Assert.InRange(selection.Offset, selection.Low, selection.High);
        }
    }

    /// <summary>A clock that drifts, paths that delay and lose, one liar among four: a million readings of what the client would believe.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void The_truth_is_inside_over_a_simulated_month(int seed)
    {
        var random = new Random(seed);
        NtpHistory[] histories = [new(), new(), new(), new()];
        double truthPerLocal = 1 + (((random.NextDouble() * 2) - 1) * Drift * 0.98);
        long local = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).UtcTicks;
        double truth = local + (random.NextDouble() * 1e8);
        for (int poll = 0; poll < 20_000; poll++)
        {
            Pass(random.NextInt64(16, 256) * TimeSpan.TicksPerSecond);
            for (int i = 0; i < histories.Length; i++)
            {
                if (random.Next(10) == 0)
                {
                    continue;
                }

                long sent = local;
                Pass((long)(Math.Pow(random.NextDouble(), 4) * TimeSpan.TicksPerSecond / 2));
                double lie = i == 0 ? (random.NextDouble() - 0.5) * 1e9 : 0;
                long stamped = (long)(truth + lie);
                Pass((long)(Math.Pow(random.NextDouble(), 4) * TimeSpan.TicksPerSecond / 2));
                histories[i].Add(NtpSample.Of(Answer(stamped, stamped), sent, local, Drift), Drift);
            }

            var claims = histories.Where(h => !h.IsEmpty).Select(h => new NtpClaim(h.Best(local, Drift).Offset, h.Best(local, Drift).DistanceAt(local, Drift), h.Jitter)).ToArray();
            if (NtpSelection.Of(claims, 3) is not { } selection)
            {
                Assert.True(claims.Length < 4, "three that are honest always agree");
                continue;
            }

            var estimate = new ClockEstimate
            {
                Stamp = 0,
                Ticks = local + selection.Offset,
                Below = selection.Offset - selection.Low,
                Above = selection.High - selection.Offset,
                Drift = Drift,
                State = ClockState.Synchronized,
            };
            for (int i = 0; i < 50; i++)
            {
                long later = random.NextInt64(0, TimeSpan.TicksPerHour);
                var reading = estimate.After(later);
                double then = truth + (later * truthPerLocal);
                Assert.True(reading.Earliest.Ticks <= then && then <= reading.Latest.Ticks, $"poll {poll}: {then} is outside of {reading.Interval}");
            }
        }

        void Pass(long ticks)
        {
            local += ticks;
            truth += ticks * truthPerLocal;
        }
    }

    private static NtpPacket Answer(long received, long sent)
    {
        byte[] packet = new byte[NtpPacket.Size];
        packet[0] = (4 << 3) | 4;
        packet[1] = 2;
        packet[3] = unchecked((byte)-23);
        FakeTimeServer.WriteTime(packet.AsSpan(16), new(received - TimeSpan.TicksPerMinute, TimeSpan.Zero));
        FakeTimeServer.WriteTime(packet.AsSpan(32), new(received, TimeSpan.Zero));
        FakeTimeServer.WriteTime(packet.AsSpan(40), new(sent, TimeSpan.Zero));
        Assert.True(NtpPacket.TryRead(packet, out var answer));
        return answer;
    }
}
