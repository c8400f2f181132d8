using System.Globalization;
using System.Text.Json;

namespace Conclave.Cli.Tests;

/// <summary>Getting a lock that somebody else has.</summary>
public sealed class Waiting
{
    [Fact]
    public async Task Two_processes_exclude_each_other_and_the_waiter_says_for_whom()
    {
        await using var sandbox = new Sandbox();
        var holder = sandbox.Start("lock", "deploy", "--label", "release 7", "--", "sh", "-c", "echo in; read -r line; echo out");
        await holder.Prints("in");
        var waiter = sandbox.Start("lock", "deploy", "--", "echo", "mine");
        await waiter.Says($"for 'deploy', next in line; held by {Environment.MachineName}:{holder.Id} release 7 since ");
        Assert.Equal("", waiter.Out);

        await holder.Input.WriteLineAsync();
        Assert.Equal("in\nout\n", (await holder.FinishAsync()).Out);
        var result = await waiter.FinishAsync();
        Assert.Equal((0, "mine\n"), (result.ExitCode, result.Out));
        Assert.Contains("waiting", result.OnlyLine, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_try_does_not_wait_and_says_who_holds_the_lock()
    {
        await using var sandbox = new Sandbox();
        var holder = await HoldAsync(sandbox, "x");
        var result = await sandbox.RunAsync("lock", "x", "--try", "--", "echo", "mine");
        Assert.Equal((ExitCode.NotAcquired, ""), (result.ExitCode, result.Out));
        Assert.Contains($"held by {Environment.MachineName}:{holder.Id} cat", result.OnlyLine, StringComparison.Ordinal);
        await EndAsync(holder);
    }

    [Fact]
    public async Task A_wait_that_runs_out_ends_in_75()
    {
        await using var sandbox = new Sandbox();
        var holder = await HoldAsync(sandbox, "x");
        var result = await sandbox.RunAsync("lock", "x", "--quiet", "--wait", "700ms", "--", "echo", "mine");
        Assert.Equal((ExitCode.NotAcquired, ""), (result.ExitCode, result.Out));
        Assert.Contains("not acquired within 700ms; it is held by", result.OnlyLine, StringComparison.Ordinal);
        await EndAsync(holder);
    }

    [Theory]
    [InlineData(Posix.Int, 130)]
    [InlineData(Posix.Term, 143)]
    public async Task A_signal_ends_the_wait_and_leaves_no_claim(int signal, int expected)
    {
        await using var sandbox = new Sandbox();
        var holder = await HoldAsync(sandbox, "x");
        var waiter = sandbox.Start("lock", "x", "--", "echo", "mine");
        await waiter.Says("waiting");
        waiter.Signal(signal);
        var result = await waiter.FinishAsync();
        Assert.Equal((expected, ""), (result.ExitCode, result.Out));
        Assert.Empty(await WaitersAsync(sandbox, "x"));
        await EndAsync(holder);
    }

    [Fact]
    public async Task Waiters_are_listed_in_order_and_served_in_order()
    {
        await using var sandbox = new Sandbox();
        var holder = await HoldAsync(sandbox, "x");
        var waiters = new List<CliProcess>();
        for (int i = 0; i < 3; i++)
        {
            waiters.Add(sandbox.Start("lock", "x", "--", "sh", "-c", $"echo {i} >>order"));
            await waiters[i].Says(i == 0 ? "next in line" : $"{i} more before us");
        }

        Assert.Equal(waiters.Select(w => w.Id), await WaitersAsync(sandbox, "x"));
        await EndAsync(holder);
        foreach (var waiter in waiters)
        {
            Assert.Equal(0, (await waiter.FinishAsync()).ExitCode);
        }

        Assert.Equal("0\n1\n2\n", await File.ReadAllTextAsync(sandbox.PathOf("order")));
    }

    [Fact]
    public async Task Events_are_json_lines_on_stderr()
    {
        await using var sandbox = new Sandbox();
        var holder = await HoldAsync(sandbox, "x");
        var waiter = sandbox.Start("lock", "x", "--json", "--", "sh", "-c", "echo $CONCLAVE_TOKEN; exit 4");
        await waiter.Says("waiting");
        await EndAsync(holder);
        var result = await waiter.FinishAsync();
        var events = result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement).ToArray();
        Assert.Equal(["waiting", "acquired", "released"], events.Select(e => e.GetProperty("event").GetString()));
        Assert.All(events, e => Assert.Equal("x", e.GetProperty("name").GetString()));
        Assert.Equal(holder.Id, events[0].GetProperty("holder").GetProperty("pid").GetInt32());
        Assert.Equal(1, events[0].GetProperty("ahead").GetInt32());
        Assert.Equal(result.Out.Trim(), events[1].GetProperty("token").GetInt64().ToString(CultureInfo.InvariantCulture));
        Assert.Equal(4, events[2].GetProperty("exitCode").GetInt32());
    }

    /// <summary>Starts a process that holds a lock until its input ends.</summary>
    internal static async Task<CliProcess> HoldAsync(Sandbox sandbox, string name)
    {
        var holder = sandbox.Start("lock", name, "--json", "--", "cat");
        await holder.Says("acquired");
        return holder;
    }

    internal static async Task EndAsync(CliProcess holder)
    {
        holder.Input.Close();
        Assert.Equal(0, (await holder.FinishAsync()).ExitCode);
    }

    private static async Task<IEnumerable<int>> WaitersAsync(Sandbox sandbox, string name)
    {
        var status = JsonDocument.Parse((await sandbox.RunAsync("status", name, "--json")).Out).RootElement;
        return status.GetProperty("locks")[0].GetProperty("waiters").EnumerateArray().Select(w => w.GetProperty("pid").GetInt32());
    }
}
