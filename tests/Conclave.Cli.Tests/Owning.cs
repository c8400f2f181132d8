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

    [Theory]
    [InlineData("which key?", "own")]
    [InlineData("which command?", "own", "k")]
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
