using System.Net;
using System.Net.Sockets;

namespace Conclave.Timekeeping.Tests;

/// <summary>A clock over servers of our own: what it tells about good ones, and about bad input.</summary>
public sealed class NtpClockTests
{
    [Fact]
    public async Task One_server_is_enough_and_the_clock_says_that_it_is_the_only_one()
    {
        using var server = new FakeTimeServer();
        await using var clock = new NtpClock([server.Address], Truth.Fast);
        var changes = new List<ClockChange>();
        clock.Changed += (_, change) => changes.Add(change);
        await clock.WaitUntilSynchronizedAsync(TestContext.Current.CancellationToken);

        var reading = Truth.Holds(clock);
        var status = clock.GetStatus();

        Assert.Equal(ClockState.Synchronized, reading.State);
        Assert.InRange(reading.Uncertainty!.Value, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(1));
        Assert.Contains("the only one", status.Explanation, StringComparison.Ordinal);
        Assert.NotNull(status.Age);
        var source = Assert.Single(status.Sources);
        Assert.Equal((server.Address, server.Address, SourceVerdict.Used, 2), (source.Name, source.Address, source.Verdict, source.Stratum));
        Assert.True(source is { Offset: not null, Uncertainty: not null, Delay: not null, Age: not null });
    }

    [Fact]
    public async Task Each_request_has_a_nonce_and_a_port_of_its_own()
    {
        using var server = new FakeTimeServer();
        await using (var clock = new NtpClock([server.Address], Truth.Fast with { BurstInterval = TimeSpan.FromMilliseconds(1), Burst = 8 }))
        {
            await Eventually.TrueAsync(() => server.RequestCount >= 8);
        }

        var requests = server.Requests.ToArray();
        Assert.Equal(requests.Length, requests.Select(r => r.Nonce).Distinct().Count());
        Assert.DoesNotContain(requests, r => r.Nonce == 0);
        Assert.True(requests.Select(r => r.Port).Distinct().Count() > requests.Length / 2, "ports differ");
    }

    [Fact]
    public async Task An_address_of_IPv6_is_asked()
    {
        Assert.SkipUnless(Socket.OSSupportsIPv6, "SKIPPED: there is no IPv6 here");
        using var server = new FakeTimeServer(AddressFamily.InterNetworkV6);
        await using var clock = new NtpClock([server.Address], Truth.Fast);
        await Truth.SynchronizedAsync(clock);
        Truth.Holds(clock);
        Assert.StartsWith("[::1]:", clock.GetStatus().Sources[0].Address, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_is_resolved_and_two_names_of_one_server_count_once()
    {
        using var one = new FakeTimeServer();
        await using var clock = new NtpClock(
            [$"one.example:{one.EndPoint.Port}", $"alias.example:{one.EndPoint.Port}"], Truth.Fast, (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Loopback]));
        await Truth.SynchronizedAsync(clock);
        await Eventually.TrueAsync(() => clock.GetStatus().Sources[1].Verdict == SourceVerdict.Duplicate, () => Truth.Describe(clock));
        Assert.Contains("the only one", clock.GetStatus().Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_that_cannot_be_resolved_is_tried_again_and_nothing_throws()
    {
        using var server = new FakeTimeServer();
        int asked = 0;
        await using var clock = new NtpClock(
            [$"late.example:{server.EndPoint.Port}"], Truth.Fast,
            (_, _) => Interlocked.Increment(ref asked) < 4 ? throw new SocketException((int)SocketError.HostNotFound) : Task.FromResult<IPAddress[]>([IPAddress.Loopback]));
        Assert.False(clock.Read().IsBounded);
        await Eventually.TrueAsync(() => clock.GetStatus().Sources[0] is { Verdict: SourceVerdict.Silent } s && s.Reason.Contains("cannot be resolved", StringComparison.Ordinal)
            || clock.State == ClockState.Synchronized);
        await Truth.SynchronizedAsync(clock);
        Assert.True(asked >= 4);
    }

    [Fact]
    public async Task A_lookup_that_hangs_does_not_hang_the_end()
    {
        var clock = new NtpClock(["hangs.example"], Truth.Fast, (_, _) => new TaskCompletionSource<IPAddress[]>().Task);
        Assert.Equal(ClockState.Unsynchronized, clock.State);
        await clock.DisposeAsync().AsTask().WaitAsync(Eventually.Patience, TestContext.Current.CancellationToken);
        await clock.DisposeAsync();
        Assert.False(clock.Read().IsBounded);
    }

    [Fact]
    public async Task A_closed_port_is_told_apart_from_silence()
    {
        using var silent = new FakeTimeServer { Misbehave = _ => null };
        int closed;
        using (var gone = new FakeTimeServer())
        {
            closed = gone.EndPoint.Port;
        }

        await using var clock = new NtpClock([$"127.0.0.1:{closed}", silent.Address], Truth.Fast);
        await Eventually.TrueAsync(() => clock.GetStatus().Sources.All(s => s.Verdict == SourceVerdict.Silent), () => Truth.Describe(clock));
        var sources = clock.GetStatus().Sources;
        Assert.Contains("nobody listens", sources[0].Reason, StringComparison.Ordinal);
        Assert.Contains("does not answer", sources[1].Reason, StringComparison.Ordinal);
        Assert.Equal(ClockState.Unsynchronized, clock.State);
        Assert.True(clock.Now.IsUnknown);
        Assert.Null(clock.IsAfter(DateTimeOffset.UnixEpoch));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("a b")]
    [InlineData("host:")]
    [InlineData("host:0")]
    [InlineData("host:65536")]
    [InlineData("host:-1")]
    [InlineData("[::1")]
    [InlineData("[::1]x")]
    [InlineData("ntp://host")]
    [InlineData("1.2.3")]
    public void What_is_no_server_is_refused(string text) =>
        Assert.Contains(text.Trim(), Assert.Throws<ArgumentException>(() => new NtpClock([text])).Message, StringComparison.Ordinal);

    [Fact]
    public void No_server_and_impossible_settings_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new NtpClock([]));
        Assert.Throws<ArgumentNullException>(() => new NtpClock(null!));
        NtpClockOptions[] wrong =
        [
            new() { Majority = 0 }, new() { Majority = 2 }, new() { MinPoll = TimeSpan.Zero }, new() { MinPoll = TimeSpan.FromHours(1) }, new() { MaxPoll = TimeSpan.FromDays(2) },
            new() { Burst = 0 }, new() { Burst = 9 }, new() { BurstInterval = TimeSpan.FromSeconds(-1) }, new() { Timeout = TimeSpan.Zero }, new() { Drift = 0 }, new() { Drift = 1 },
            new() { Drift = double.NaN }, new() { MaxDistance = TimeSpan.FromSeconds(-1) },
        ];
        Assert.All(wrong, options => Assert.Throws<ArgumentOutOfRangeException>(() => new NtpClock(["127.0.0.1"], options)));
    }

    [Theory]
    [InlineData("time.example", "time.example", 123)]
    [InlineData("time.example:1123", "time.example", 1123)]
    [InlineData("192.0.2.1:1123", "192.0.2.1", 1123)]
    [InlineData("2001:db8::1", "2001:db8::1", 123)]
    [InlineData("[2001:db8::1]", "2001:db8::1", 123)]
    [InlineData(" [2001:db8::1]:1123 ", "2001:db8::1", 1123)]
    public void Servers_are_written_as_users_write_them(string text, string host, int port)
    {
        var address = NtpAddress.Parse(text);
        Assert.Equal((host, port), (address.Host, address.Port));
    }

    [Fact]
    public async Task A_step_of_this_machines_clock_does_not_move_ours()
    {
        using var server = new FakeTimeServer();
        var time = new SteppedTime();
        await using var clock = new NtpClock([server.Address], Truth.Fast with { TimeProvider = time });
        await Truth.SynchronizedAsync(clock);
        time.Step = TimeSpan.FromHours(-1);
        Truth.Holds(clock);
        var status = clock.GetStatus();
        Assert.InRange(status.Offset, TimeSpan.FromMinutes(59.9), TimeSpan.FromMinutes(60.1));
        time.Step = TimeSpan.FromHours(1);
        await Truth.HoldsForAsync(clock, TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public async Task Once_an_instant_is_waited_for_it_is_over_for_everybody()
    {
        using var server = new FakeTimeServer();
        await using var clock = new NtpClock([server.Address], Truth.Fast);
        var waits = clock.WaitUntilAfterAsync(TimeProvider.System.GetUtcNow().AddMilliseconds(20), TestContext.Current.CancellationToken).AsTask();
        await Truth.SynchronizedAsync(clock);
        await waits.WaitAsync(Eventually.Patience, TestContext.Current.CancellationToken);

        var stamped = clock.Now.Latest;
        await clock.WaitUntilAfterAsync(stamped, TestContext.Current.CancellationToken);
        Assert.True(TimeProvider.System.GetUtcNow() > stamped);
        Assert.True(clock.IsAfter(stamped));
        Assert.False(clock.IsBefore(stamped));
        Assert.True(clock.IsBefore(clock.Now.Latest.AddMinutes(1)));

        using var cancel = new CancellationTokenSource();
        var longWait = clock.WaitUntilAfterAsync(clock.Now.Latest.AddYears(100), cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => longWait);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => clock.WaitUntilAfterAsync(DateTimeOffset.MinValue, cancel.Token).AsTask());
    }

    [Fact]
    public async Task Reading_allocates_nothing()
    {
        using var server = new FakeTimeServer();
        await using var clock = new NtpClock([server.Address], Truth.Fast);
        await Truth.SynchronizedAsync(clock);
        var provider = clock.ToTimeProvider();
        long sum = Spin(clock, provider);
        long before = GC.GetAllocatedBytesForCurrentThread();
        sum += Spin(clock, provider);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        // a provider takes another course when there is a better estimate, and that one is an object
        Assert.True(allocated < 1000, $"{allocated} bytes for 20,000 reads");
        Assert.NotEqual(0, sum);

        static long Spin(NtpClock clock, ClockTimeProvider provider)
        {
            long sum = 0;
            for (int i = 0; i < 10_000; i++)
            {
                sum += clock.Read().Time.Ticks ^ provider.GetUtcNow().Ticks;
            }

            return sum;
        }
    }

    private sealed class SteppedTime : TimeProvider
    {
        public TimeSpan Step { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Step;
    }
}
