using System.Buffers.Binary;

namespace Conclave.Timekeeping.Tests;

/// <summary>Servers that lie, jump, fall silent, replay, forge, refuse and flood. With three good ones of five, the bound always holds.</summary>
public sealed class LyingServerTests
{
    public static TheoryData<double> Lies => [0.01, -0.01, 0.1, -1, 10, -60, 3600, -3600];

    public static TheoryData<string> Misbehaviours => [.. Bad.Keys];

    private static Dictionary<string, Func<FakeTimeServer, SourceVerdict>> Bad { get; } = new()
    {
        ["silent"] = s => Set(s, _ => null, SourceVerdict.Silent),
        ["wrong origin"] = s => Set(s, FakeTimeServer.With(a => a[24] ^= 1), SourceVerdict.Silent),
        ["no origin"] = s => Set(s, FakeTimeServer.With(a => a.AsSpan(24, 8).Clear()), SourceVerdict.Silent),
        ["forged denial"] = s => Set(s, a => [.. FakeTimeServer.Kiss("DENY")([.. a])!.Select(k => { k[24] ^= 1; return k; })], SourceVerdict.Silent),
        ["denies"] = s => Set(s, FakeTimeServer.Kiss("DENY"), SourceVerdict.Rejected),
        ["restricts"] = s => Set(s, FakeTimeServer.Kiss("RSTR"), SourceVerdict.Rejected),
        ["slows down"] = s => Set(s, FakeTimeServer.Kiss("RATE"), SourceVerdict.Rejected),
        ["is starting"] = s => Set(s, FakeTimeServer.Kiss("INIT"), SourceVerdict.Rejected),
        ["unknown leap"] = s => Set(s, FakeTimeServer.With(a => a[0] |= 0xC0), SourceVerdict.Rejected),
        ["stratum 16"] = s => Set(s, FakeTimeServer.With(a => a[1] = 16), SourceVerdict.Rejected),
        ["stratum 255"] = s => Set(s, FakeTimeServer.With(a => a[1] = 255), SourceVerdict.Rejected),
        ["another mode"] = s => Set(s, FakeTimeServer.With(a => a[0] = (4 << 3) | 3), SourceVerdict.Silent),
        ["another version"] = s => Set(s, FakeTimeServer.With(a => a[0] = (7 << 3) | 4), SourceVerdict.Silent),
        ["too short"] = s => Set(s, a => [a[..47]], SourceVerdict.Silent),
        ["nothing"] = s => Set(s, _ => [[]], SourceVerdict.Silent),
        ["no transmit time"] = s => Set(s, FakeTimeServer.With(a => a.AsSpan(40, 8).Clear()), SourceVerdict.Rejected),
        ["no receive time"] = s => Set(s, FakeTimeServer.With(a => a.AsSpan(32, 8).Clear()), SourceVerdict.Rejected),
        ["answers before it is asked"] = s => Set(s, FakeTimeServer.With(a => Add(a, 32, 1)), SourceVerdict.Rejected),
        ["works longer than it took"] = s => Set(s, FakeTimeServer.With(a => Add(a, 40, 5)), SourceVerdict.Rejected),
        ["set in the future"] = s => Set(s, FakeTimeServer.With(a => Add(a, 16, 3600)), SourceVerdict.Rejected),
        ["set long ago"] = s => Set(s, FakeTimeServer.With(a => Add(a, 16, -4 * 86400)), SourceVerdict.Rejected),
        ["far from its root"] = s => Set(s, FakeTimeServer.With(a => BinaryPrimitives.WriteUInt32BigEndian(a.AsSpan(8), 10 << 16)), SourceVerdict.Rejected),
        ["floods"] = s => Set(s, a => Enumerable.Repeat(new byte[48], 1000), SourceVerdict.Silent),
        ["late"] = s => Set(s, a => Late(a), SourceVerdict.Silent),
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public async Task Two_liars_of_five_are_outvoted(double seconds)
    {
        using var servers = new Servers(5);
        servers[0].Offset = servers[1].Offset = TimeSpan.FromSeconds(seconds);
        await using var clock = servers.Clock();
        await Truth.SynchronizedAsync(clock);
        await Truth.HoldsForAsync(clock, TimeSpan.FromMilliseconds(100));
        await Eventually.TrueAsync(() => clock.GetStatus().Sources.Count(s => s.Verdict == SourceVerdict.Outvoted) == 2, () => Truth.Describe(clock));
        var sources = clock.GetStatus().Sources;
        Assert.All(sources.Take(2), s => Assert.Equal(SourceVerdict.Outvoted, s.Verdict));
        Assert.All(sources.Take(2), s => Assert.Contains("away from what the majority agrees on", s.Reason, StringComparison.Ordinal));
        Truth.Holds(clock);
    }

    [Theory]
    [MemberData(nameof(Misbehaviours))]
    public async Task Two_bad_servers_of_five_are_told_by_what_they_do_and_the_bound_holds(string how)
    {
        using var servers = new Servers(5);
        var verdict = Bad[how](servers[0]);
        _ = Bad[how](servers[1]);
        await using var clock = servers.Clock();
        await Truth.SynchronizedAsync(clock);
        await Eventually.TrueAsync(() => clock.GetStatus().Sources.Take(2).All(s => s.Verdict == verdict), () => Truth.Describe(clock));
        await Truth.HoldsForAsync(clock, TimeSpan.FromMilliseconds(20));
        Assert.Equal(ClockState.Synchronized, clock.State);
        Assert.Equal(3, clock.GetStatus().Sources.Count(s => s.Verdict is SourceVerdict.Used or SourceVerdict.Spare));
    }

    [Fact]
    public async Task Two_servers_that_jump_are_outvoted_and_the_bound_holds_all_the_time()
    {
        using var servers = new Servers(5);
        await using var clock = servers.Clock();
        await Truth.SynchronizedAsync(clock);
        foreach (double jump in (double[])[0.01, -0.5, 60, -3600])
        {
            servers[0].Offset = servers[1].Offset = TimeSpan.FromSeconds(jump);
            int asked = servers[0].RequestCount;
            await Eventually.TrueAsync(
                () =>
                {
                    Truth.Holds(clock);
                    return servers[0].RequestCount > asked + 1 && clock.GetStatus().Sources.Count(s => s.Verdict == SourceVerdict.Outvoted) == 2;
                },
                () => Truth.Describe(clock));
        }

        Assert.Equal(ClockState.Synchronized, clock.State);
    }

    [Fact]
    public async Task Without_a_majority_no_bound_is_claimed()
    {
        using var servers = new Servers(4);
        servers[0].Offset = servers[1].Offset = TimeSpan.FromSeconds(10);
        await using var clock = servers.Clock();
        await Eventually.TrueAsync(() => clock.State == ClockState.Untrusted, () => Truth.Describe(clock));
        var status = clock.GetStatus();
        Assert.Null(status.Uncertainty);
        Assert.True(clock.Now.IsUnknown);
        Assert.Contains("at most 2 agree, and 3 must", status.Explanation, StringComparison.Ordinal);
        Assert.All(status.Sources, s => Assert.Equal(SourceVerdict.Outvoted, s.Verdict));

        // one of them comes to its senses
        servers[0].Offset = default;
        await Truth.SynchronizedAsync(clock);
        Truth.Holds(clock);
    }

    [Fact]
    public async Task A_majority_that_is_lost_takes_the_bound_with_it()
    {
        using var servers = new Servers(3);
        await using var clock = servers.Clock();
        await Truth.SynchronizedAsync(clock);
        var changes = new List<ClockState>();
        clock.Changed += (_, change) => changes.Add(change.After);
        servers[0].Offset = TimeSpan.FromSeconds(5);
        servers[1].Offset = TimeSpan.FromSeconds(-5);
        await Eventually.TrueAsync(() => clock.State == ClockState.Untrusted, () => Truth.Describe(clock));
        Assert.False(clock.Read().IsBounded);
        Assert.Equal([ClockState.Untrusted], changes);
    }

    [Fact]
    public async Task Too_few_answers_leave_the_bound_of_before_which_grows()
    {
        using var servers = new Servers(5);
        await using var clock = servers.Clock();
        await Truth.SynchronizedAsync(clock);
        for (int i = 0; i < 3; i++)
        {
            servers[i].Misbehave = _ => null;
        }

        await Eventually.TrueAsync(() => clock.State == ClockState.Holdover, () => Truth.Describe(clock));
        var early = Truth.Holds(clock);
        await Eventually.TrueAsync(() => Truth.Holds(clock).Uncertainty > early.Uncertainty, () => $"{early}, {Truth.Describe(clock)}");
        Assert.Contains("3 must agree", clock.GetStatus().Explanation, StringComparison.Ordinal);

        servers[0].Misbehave = answer => [answer];
        await Truth.SynchronizedAsync(clock);
        Truth.Holds(clock);
    }

    [Fact]
    public async Task Servers_that_move_together_are_believed_when_they_insist()
    {
        using var servers = new Servers(3);
        await using var clock = servers.Clock();
        await Truth.SynchronizedAsync(clock);
        var changes = new List<ClockChange>();
        clock.Changed += (_, change) => changes.Add(change);
        for (int i = 0; i < 3; i++)
        {
            servers[i].Offset = TimeSpan.FromSeconds(100);
        }

        await Eventually.TrueAsync(() => changes.Any(c => c.Step is not null), () => Truth.Describe(clock));
        var step = changes.First(c => c.Step is not null);
        Assert.InRange(step.Step!.Value, TimeSpan.FromSeconds(99.9), TimeSpan.FromSeconds(100.1));
        Assert.Contains(changes, c => c.After == ClockState.Untrusted);
        Assert.Equal(ClockState.Synchronized, step.After);
    }

    [Fact]
    public async Task Old_answers_that_are_sent_again_are_passed_over_and_the_real_one_is_waited_for()
    {
        using var servers = new Servers(1);
        byte[]? first = null;
        servers[0].Misbehave = answer =>
        {
            first ??= [.. answer];
            return [first, first, answer];
        };
        await using var clock = servers.Clock();
        await Eventually.TrueAsync(() => servers[0].RequestCount >= 8);
        await Truth.SynchronizedAsync(clock);
        await Truth.HoldsForAsync(clock, TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public async Task A_way_that_is_slow_in_one_direction_moves_the_estimate_but_not_the_bound()
    {
        using var servers = new Servers(1);
        servers[0].OnWayThere = () => Wait(40);
        await using var clock = servers.Clock();
        await Truth.SynchronizedAsync(clock);
        await Eventually.TrueAsync(
            () =>
            {
                // a machine that is busy may make the way back as slow, once
                var (reading, truth) = Truth.Look(clock);
                Assert.True(reading.Interval.Overlaps(truth));
                return (reading.Time - truth.Earliest).TotalMilliseconds is > 15 and < 300;
            },
            () => Truth.Describe(clock));

        // a quick answer counts more than slow ones
        servers[0].OnWayThere = () => { };
        await Eventually.TrueAsync(() => clock.Read().Uncertainty < TimeSpan.FromMilliseconds(15), () => Truth.Describe(clock));
        servers[0].OnWayThere = () => Wait(100);
        int asked = servers[0].RequestCount;
        await Eventually.TrueAsync(() => servers[0].RequestCount >= asked + 2);
        Assert.True(Truth.Holds(clock).Uncertainty < TimeSpan.FromMilliseconds(40), Truth.Describe(clock));
    }

    [Fact]
    public async Task Who_denies_is_not_asked_again()
    {
        using var servers = new Servers(2);
        servers[0].Misbehave = FakeTimeServer.Kiss("DENY");
        await using var clock = servers.Clock();
        await Eventually.TrueAsync(() => servers[1].RequestCount >= 6);
        Assert.Equal(1, servers[0].RequestCount);
        Assert.Contains("is not asked again", clock.GetStatus().Sources[0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_asks_for_fewer_requests_gets_fewer()
    {
        using var servers = new Servers(2);
        servers[0].Misbehave = FakeTimeServer.Kiss("RATE");
        await using var clock = servers.Clock();
        await Eventually.TrueAsync(() => servers[1].RequestCount >= 6);
        Assert.InRange(servers[0].RequestCount, 1, 2);
    }

    [Fact]
    public async Task Servers_that_smear_leap_seconds_are_not_mixed_with_those_that_do_not()
    {
        using var servers = new Servers(4);
        servers[3].Misbehave = FakeTimeServer.With(a => a[12] = 254);
        await using var clock = servers.Clock();
        await Truth.SynchronizedAsync(clock);
        await Eventually.TrueAsync(() => clock.GetStatus().Sources[3].Reason.Contains("smears leap seconds", StringComparison.Ordinal), () => Truth.Describe(clock));
    }

    [Fact]
    public async Task A_flooding_server_does_not_hang_the_end()
    {
        using var servers = new Servers(1);
        servers[0].Misbehave = _ => Enumerable.Repeat(new byte[48], 100_000);
        var clock = servers.Clock();
        await Eventually.TrueAsync(() => clock.GetStatus().Sources[0].Reason.Contains("floods", StringComparison.Ordinal), () => Truth.Describe(clock));
        await clock.DisposeAsync().AsTask().WaitAsync(Eventually.Patience, TestContext.Current.CancellationToken);
    }

    private static SourceVerdict Set(FakeTimeServer server, Func<byte[], IEnumerable<byte[]>?> how, SourceVerdict verdict)
    {
        server.Misbehave = how;
        return verdict;
    }

    private static void Add(byte[] answer, int field, int seconds) =>
        BinaryPrimitives.WriteUInt32BigEndian(answer.AsSpan(field), BinaryPrimitives.ReadUInt32BigEndian(answer.AsSpan(field)) + (uint)seconds);

    private static byte[][] Late(byte[] answer)
    {
        Wait(320);
        return [answer];
    }

    private static void Wait(int milliseconds)
    {
        using var never = new ManualResetEventSlim();
        never.Wait(milliseconds);
    }
}

/// <summary>Several servers, which all go in the end.</summary>
internal sealed class Servers(int count) : IDisposable
{
    private readonly FakeTimeServer[] _servers = [.. Enumerable.Range(0, count).Select(_ => new FakeTimeServer())];

    public FakeTimeServer this[int index] => _servers[index];

    public NtpClock Clock() => new(_servers.Select(s => s.Address), Truth.Fast);

    public void Dispose() => Array.ForEach(_servers, s => s.Dispose());
}
