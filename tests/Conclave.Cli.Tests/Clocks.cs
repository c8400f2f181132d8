using System.Text.Json;
using Conclave.Timekeeping.Tests;

namespace Conclave.Cli.Tests;

/// <summary><c>conclave time</c>: what servers say, who is not believed and why, and whose clock is wrong.</summary>
public sealed class Clocks
{
    [Fact]
    public async Task The_time_is_told_with_its_bound_and_who_was_outvoted_and_why()
    {
        await using var sandbox = new Sandbox();
        using var one = new FakeTimeServer();
        using var two = new FakeTimeServer();
        using var liar = new FakeTimeServer { Offset = TimeSpan.FromSeconds(-60) };
        using var unsynchronized = new FakeTimeServer { Misbehave = FakeTimeServer.With(a => a[1] = 16) };
        using var three = new FakeTimeServer();
        var result = await sandbox.RunAsync(
            "time", "show", "--server", one.Address, "--server", two.Address, "--server", three.Address, "--server", liar.Address, "--server", unsynchronized.Address);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        string[] lines = result.Out.Split('\n');
        Assert.Matches(@"^time +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} UTC ± [0-9.]+ (µs|ms)$", lines[0]);
        Assert.Equal("state           synchronized: 3 servers of 5 agree", lines[1]);
        Assert.Matches(@"^this machine    its clock is [0-9.]+ (µs|ms) (ahead|behind)$", lines[2]);
        Assert.Matches("^SERVER +VERDICT +OFFSET +BOUND +DELAY +STRATUM +WHY$", lines[4]);
        Assert.Matches($"^{one.Address} +used .* 2 +it agrees$", lines[5]);
        Assert.Matches($@"^{liar.Address} +outvoted +-(60|59\.9\d*) s .*it is -(60|59\.9\d*) s away from what the majority agrees on$", lines[8]);
        Assert.Matches($@"^{unsynchronized.Address} +rejected +- +- +- +- +it says that its own clock is not synchronized \(stratum 16\)$", lines[9]);
    }

    [Fact]
    public async Task Programs_get_numbers()
    {
        await using var sandbox = new Sandbox();
        using var server = new FakeTimeServer { Offset = TimeSpan.FromSeconds(5) };
        var before = TimeProvider.System.GetUtcNow();
        var json = JsonDocument.Parse((await sandbox.RunAsync("time", "show", "--server", server.Address, "--json")).Out).RootElement;
        var after = TimeProvider.System.GetUtcNow();
        Assert.InRange(json.GetProperty("offsetSeconds").GetDouble(), 4.9, 5.1);
        Assert.InRange(json.GetProperty("uncertaintySeconds").GetDouble(), 1e-7, 1);
        Assert.InRange(json.GetProperty("time").GetDateTimeOffset(), before.AddSeconds(4.9), after.AddSeconds(5.1));
        Assert.True(json.GetProperty("earliest").GetDateTimeOffset() < json.GetProperty("latest").GetDateTimeOffset());
        Assert.Equal("synchronized", json.GetProperty("state").GetString());
        var source = json.GetProperty("sources")[0];
        Assert.Equal((server.Address, "used", 2), (source.GetProperty("address").GetString(), source.GetProperty("verdict").GetString(), source.GetProperty("stratum").GetInt32()));
    }

    [Fact]
    public async Task Without_a_bound_the_exit_code_says_so()
    {
        await using var sandbox = new Sandbox();
        using var silent = new FakeTimeServer { Misbehave = _ => null };
        using var good = new FakeTimeServer();
        var result = await sandbox.RunAsync("time", "show", "--server", silent.Address, "--server", good.Address);
        Assert.Equal(75, result.ExitCode);
        Assert.Contains("(no bound is known)", result.Out, StringComparison.Ordinal);
        Assert.Contains("1 of 2 servers answers, and 2 must agree", result.Out, StringComparison.Ordinal);
        Assert.Contains("it does not answer", result.Out, StringComparison.Ordinal);

        // this machine's own clock: whether somebody keeps it is none of the test's business
        var local = await sandbox.RunAsync("time", "show", "--json");
        var json = JsonDocument.Parse(local.Out).RootElement;
        Assert.Equal(json.GetProperty("uncertaintySeconds").ValueKind == JsonValueKind.Null ? 75 : 0, local.ExitCode);
        Assert.NotEqual(0, json.GetProperty("uncertaintySeconds") is { ValueKind: JsonValueKind.Number } bound ? bound.GetDouble() : -1);
    }

    [Fact]
    public async Task A_watch_goes_on_until_it_is_interrupted()
    {
        await using var sandbox = new Sandbox();
        using var server = new FakeTimeServer();
        var watch = sandbox.Start("time", "show", "--server", server.Address, "--watch", "--json");
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal("synchronized", JsonDocument.Parse(await watch.ReadLineAsync()).RootElement.GetProperty("state").GetString());
        }

        watch.Signal(Posix.Int);
        Assert.Equal(130, (await watch.FinishAsync()).ExitCode);
    }

    [Fact]
    public async Task The_clock_that_cannot_be_right_is_named()
    {
        await using var sandbox = new Sandbox();
        using var good = new FakeTimeServer();
        using var bad = new FakeTimeServer { Offset = TimeSpan.FromMinutes(10) };
        var alone = await sandbox.RunAsync("time", "skew", "--server", good.Address);
        Assert.Equal(0, alone.ExitCode);
        Assert.Contains("no other clock is in the group 'all'", alone.Error, StringComparison.Ordinal);

        var one = sandbox.Start("time", "skew", "--server", good.Address, "--watch");
        var two = sandbox.Start("time", "skew", "--server", bad.Address, "--watch", "--json");
        _ = await one.ReadLineAsync();
        _ = await two.ReadLineAsync();
        var result = await sandbox.RunAsync("time", "skew", "--server", good.Address);
        Assert.Equal((65, ""), (result.ExitCode, result.Error));
        Assert.Matches($@"{Environment.MachineName}:{two.Id} +skewed +\+\S+ (s|ms) .*ahead of what the majority allows\n", result.Out);
        Assert.Matches($@"{Environment.MachineName}:{one.Id} +agrees ", result.Out);
        Assert.Contains(" (this)  agrees ", result.Out, StringComparison.Ordinal);

        // who takes part is told too
        await Eventually.True(() => one.Out.Contains($"skewed: {Environment.MachineName}:{two.Id} its interval is ", StringComparison.Ordinal), "the watch tells who is skewed");
        await Eventually.True(() => two.Out.Contains("\"verdict\":\"skewed\"", StringComparison.Ordinal), "the skewed clock is told");
        one.Signal(Posix.Int);
        two.Signal(Posix.Term);
        Assert.Equal((130, 143), ((await one.FinishAsync()).ExitCode, (await two.FinishAsync()).ExitCode));
    }

    [Theory]
    [InlineData("which command?", "time")]
    [InlineData("there is no command 'time see'", "time", "see")]
    [InlineData("'a b' is no time server", "time", "show", "--server", "a b")]
    [InlineData("must be from 1 to 65535", "time", "show", "--server", "host:99999")]
    [InlineData("the name is refused", "time", "skew", "--group", "")]
    [InlineData("runs no command", "time", "show", "--", "true")]
    public async Task What_is_wrong_is_said_in_one_line(string expected, params string[] arguments)
    {
        await using var sandbox = new Sandbox();
        var result = await sandbox.RunAsync(arguments);
        Assert.Equal((64, ""), (result.ExitCode, result.Out));
        Assert.Contains(expected, result.OnlyLine, StringComparison.Ordinal);
    }
}
