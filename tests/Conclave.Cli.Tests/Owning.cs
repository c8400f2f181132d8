using System.Text.Json;

namespace Conclave.Cli.Tests;

/// <summary>Commands that usually run alone, and go on or end when that is lost.</summary>
public sealed class Owning
{
    [Fact]
    public async Task A_command_runs_as_the_owner_and_the_next_one_follows_its_end()
    {
        await using var sandbox = new Sandbox();
        var first = sandbox.Start("own", "k", "--owner", "one", "--", "sh", "-c", "echo $CONCLAVE_OWN $CONCLAVE_OWNER; read -r line; exit 3");
        Assert.Equal("k one", await first.ReadLineAsync());

        var refused = await sandbox.RunAsync("own", "k", "--try", "--", "echo", "in");
        Assert.Equal((75, ""), (refused.ExitCode, refused.Out));
        Assert.Contains("the ownership of 'k' was not acquired; it is owned by one. The command was not run.", refused.OnlyLine, StringComparison.Ordinal);
        Assert.Equal(75, (await sandbox.RunAsync("own", "k", "--wait", "300ms", "--", "true")).ExitCode);
        Assert.Equal(0, (await sandbox.RunAsync("own", "k", "--prefix", "other", "--try", "--", "true")).ExitCode);

        var second = sandbox.Start("own", "k", "--", "echo", "in");
        await second.Says("it is owned by one");
        await first.WriteLineAsync("end");
        Assert.Equal(3, (await first.FinishAsync()).ExitCode);
        Assert.Equal((0, "in\n"), (await second.FinishAsync()) is var end ? (end.ExitCode, end.Out) : default);
    }

    [Fact]
    public async Task An_owner_that_is_killed_ends_with_its_command_and_is_followed()
    {
        await using var sandbox = new Sandbox();
        var first = sandbox.Start("own", "k", "--", "sh", "-c", "echo in; sleep 1000");
        await first.ReadLineAsync();
        var second = sandbox.Start("own", "k", "--", "echo", "in");
        await second.Says("waiting");

        Posix.Send(first.Id, Posix.Kill);

        Assert.Equal("in\n", (await second.FinishAsync()).Out);
    }

    [Fact]
    public async Task A_try_finds_out_that_the_owner_was_killed()
    {
        await using var sandbox = new Sandbox();
        var first = sandbox.Start("own", "k", "--", "sh", "-c", "echo in; sleep 1000");
        await first.ReadLineAsync();
        Assert.Equal(75, (await sandbox.RunAsync("own", "k", "--try", "--", "true")).ExitCode);

        Posix.Send(first.Id, Posix.Kill);
        await first.FinishAsync();

        // as cron would: it does not depend on a second try
        Assert.Equal("in\n", (await sandbox.RunAsync("own", "k", "--try", "--", "echo", "in")).Out);
    }

    [Fact]
    public async Task A_store_that_is_not_reached_is_told_as_such_and_for_no_longer_than_wanted()
    {
        await using var sandbox = new Sandbox();
        foreach (string[] command in (string[][])[["own", "k"], ["lock", "k"], ["rwlock", "k", "--read"]])
        {
            var result = await sandbox.RunAsync([.. command, "--wait", "2s", "--quiet", "--store", "etcd://127.0.0.1:1", "--", "true"]);
            Assert.Equal(ExitCode.StoreUnavailable, result.ExitCode);
            Assert.Matches(@"within 2(\.\d)? s", result.OnlyLine);
            Assert.DoesNotContain("owned", result.OnlyLine, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Who_waits_can_be_interrupted_and_leaves_nothing()
    {
        await using var sandbox = new Sandbox();
        var first = sandbox.Start("own", "k", "--", "sh", "-c", "echo in; read -r line");
        await first.ReadLineAsync();
        var second = sandbox.Start("own", "k", "--", "true");
        await second.Says("waiting");
        Posix.Send(second.Id, Posix.Int);
        Assert.Equal(130, (await second.FinishAsync()).ExitCode);

        await first.WriteLineAsync("end");
        Assert.Equal(0, (await first.FinishAsync()).ExitCode);
        Assert.Equal(0, (await sandbox.RunAsync("own", "k", "--try", "--", "true")).ExitCode);
    }

    [Theory]
    [InlineData("ignore", 0)]
    [InlineData("terminate", 70)]
    public async Task A_command_that_lost_its_key_goes_on_or_is_ended(string onLost, int exitCode)
    {
        await using var sandbox = new Sandbox();
        var first = sandbox.Start("own", "k", "--refresh", "1s", "--on-lost", onLost, "--json", "--", "sh", "-c", "echo in; read -r line");
        await first.ReadLineAsync();

        // stopped for so long that another one takes over
        Posix.Send(first.Id, Posix.Stop);
        Assert.Equal(0, (await sandbox.RunAsync("own", "k", "--refresh", "1s", "--", "true")).ExitCode);
        Posix.Send(first.Id, Posix.Cont);
        await first.Says("\"event\":\"lost\"");
        if (onLost == "ignore")
        {
            await first.WriteLineAsync("end");
        }

        var end = await first.FinishAsync();
        Assert.Equal(exitCode, end.ExitCode);
    }

    [Fact]
    public async Task Events_are_json_lines()
    {
        await using var sandbox = new Sandbox();
        var result = await sandbox.RunAsync("own", "k", "--json", "--", "true");

        var events = result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement).ToArray();

        // a machine that is busy may be waited for
        Assert.Equal(["acquired", "released"], events.Select(e => e.GetProperty("event").GetString()).Where(e => e != "waiting"));
        Assert.All(events, e => Assert.Equal(("ownership", "k"), (e.GetProperty("kind").GetString(), e.GetProperty("name").GetString())));
    }

    [Fact]
    public async Task A_key_and_a_prefix_that_are_too_long_together_are_refused()
    {
        await using var sandbox = new Sandbox();
        string longest = new('/', 256);
        var result = await sandbox.RunAsync("own", longest, "--prefix", longest, "--try", "--", "true");
        Assert.Equal(64, result.ExitCode);
        Assert.Contains("too long together", result.OnlyLine, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("which key? Usage: conclave own KEY", "own")]
    [InlineData("which command? Write it behind '--': conclave own KEY", "own", "k")]
    [InlineData("write '--' before the command", "own", "k", "true")]
    [InlineData("--on-lost 'maybe' is refused", "own", "k", "--on-lost", "maybe", "--", "true")]
    [InlineData("--grace is for '--on-lost terminate'", "own", "k", "--grace", "1s", "--", "true")]
    [InlineData("--refresh '9ms' is refused: it must be from 10ms to 10m", "own", "k", "--refresh", "9ms", "--", "true")]
    [InlineData("--acquire '11m' is refused", "own", "k", "--acquire", "11m", "--", "true")]
    [InlineData("--wait and --try exclude each other", "own", "k", "--try", "--wait", "1s", "--", "true")]
    [InlineData("--owner must have 1 to 256", "own", "k", "--owner", "", "--", "true")]
    public async Task What_cannot_be_is_refused(string says, params string[] arguments)
    {
        await using var sandbox = new Sandbox();
        var result = await sandbox.RunAsync(arguments);

        Assert.Equal(64, result.ExitCode);
        Assert.Contains(says, result.Error, StringComparison.Ordinal);
    }
}
