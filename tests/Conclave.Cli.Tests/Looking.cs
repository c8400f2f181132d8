using System.Text.Json;

namespace Conclave.Cli.Tests;

/// <summary><c>conclave status</c>, <c>conclave store check</c>, the help, and where the store is.</summary>
public sealed class Looking
{
    [Fact]
    public async Task Status_shows_holders_and_waiters()
    {
        await using var sandbox = new Sandbox();
        var first = await Waiting.HoldAsync(sandbox, "a/b");
        var second = await Waiting.HoldAsync(sandbox, "c");
        var waiter = sandbox.Start("lock", "c", "--label", "the next", "--", "true");
        await waiter.Says("waiting");

        string[] all = (await sandbox.RunAsync("status")).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, all.Length);
        Assert.Equal(["KIND", "NAME", "HOLDER", "TOKEN", "SINCE", "WAITERS"], Cells(all[0]));
        Assert.Equal(["lock", "a/b", $"{Environment.MachineName}:{first.Id}", "cat"], Cells(all[1])[..4]);
        Assert.Equal("0", Cells(all[1])[^1]);
        Assert.Equal("1", Cells(all[2])[^1]);

        string[] one = (await sandbox.RunAsync("status", "c")).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, one.Length);
        Assert.Contains($"{Environment.MachineName}:{waiter.Id} the next", one[2], StringComparison.Ordinal);

        var json = JsonDocument.Parse((await sandbox.RunAsync("status", "--json")).Out).RootElement;
        Assert.Equal(Path.GetFullPath(sandbox.StorePath), json.GetProperty("store").GetString()!["sqlite:".Length..]);
        var held = json.GetProperty("locks").EnumerateArray().Single(l => l.GetProperty("name").GetString() == "c");
        Assert.Equal(second.Id, held.GetProperty("holder").GetProperty("pid").GetInt32());
        Assert.True(held.GetProperty("holder").GetProperty("token").GetInt64() > 0);
        Assert.Equal(DateTimeKind.Utc, held.GetProperty("holder").GetProperty("since").GetDateTime().Kind);
        Assert.Equal("the next", held.GetProperty("waiters")[0].GetProperty("label").GetString());

        await Waiting.EndAsync(first);
        await Waiting.EndAsync(second);
        Assert.Equal(0, (await waiter.FinishAsync()).ExitCode);

        static string[] Cells(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
    }

    [Fact]
    public async Task Looking_creates_no_store()
    {
        await using var sandbox = new Sandbox();
        var result = await sandbox.RunAsync("status");
        Assert.Equal((0, ""), (result.ExitCode, result.Out));
        Assert.Contains("no lock, permit or leadership is held", result.OnlyLine, StringComparison.Ordinal);
        Assert.False(File.Exists(sandbox.StorePath));
        Assert.Empty(JsonDocument.Parse((await sandbox.RunAsync("status", "x", "--json")).Out).RootElement.GetProperty("locks").EnumerateArray());
        Assert.Equal("", (await sandbox.RunAsync("status", "--quiet")).Error);
    }

    [Fact]
    public async Task The_default_store_is_a_private_file_of_the_user()
    {
        await using var sandbox = new Sandbox();
        string state = sandbox.PathOf("state");
        var result = await sandbox.Run(Sandbox.Binary, ["lock", "x", "--", "true"], [("CONCLAVE_STORE", null), ("XDG_STATE_HOME", state)]).FinishAsync();
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.Combine(state, "conclave")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(state, "conclave", "conclave.db")));
    }

    [Fact]
    public async Task A_store_in_memory_excludes_nobody_and_says_so()
    {
        await using var sandbox = new Sandbox();
        var result = await sandbox.RunAsync("lock", "x", "--store", "memory:", "--", "true");
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("excludes nobody", result.OnlyLine, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_check_tells_what_the_store_guarantees_and_leaves_nothing_behind()
    {
        await using var sandbox = new Sandbox();
        var text = await sandbox.RunAsync("store", "check");
        Assert.Equal((0, ""), (text.ExitCode, text.Error));
        Assert.Contains($"store           sqlite:{sandbox.StorePath}\n", text.Out, StringComparison.Ordinal);
        Assert.Contains("who can meet    the processes of one machine\n", text.Out, StringComparison.Ordinal);
        Assert.All(text.Out.Split('\n'), line => Assert.True(line.Length <= 150, line));

        var json = JsonDocument.Parse((await sandbox.RunAsync("store", "check", sandbox.Store, "--json")).Out).RootElement;
        Assert.Equal("sqlite", json.GetProperty("engine").GetString());
        Assert.True(json.GetProperty("writeMilliseconds").GetDouble() > 0);
        Assert.Equal(2, json.GetProperty("guarantees").GetProperty("minTimeToLiveSeconds").GetDouble());
        await using var store = new Conclave.Sqlite.SqliteStore(sandbox.StorePath);
        Assert.Empty((await store.CommitAsync(new(reads: [Conclave.Storage.Read.Scan("check/")]))).Reads[0]);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("store", "--help")]
    [InlineData("elect", "--help")]
    [InlineData("semaphore", "--help")]
    [InlineData("rwlock", "--help")]
    [InlineData("leader", "watch", "--help")]
    [InlineData("group", "--help")]
    [InlineData("counter", "add", "--help")]
    [InlineData("completion", "--help")]
    [InlineData("time", "--help")]
    [InlineData("time", "show", "--help")]
    [InlineData("time", "skew", "--help")]
    [InlineData("store", "check", "--help")]
    [InlineData("lock", "--help")]
    [InlineData("status", "-h")]
    public async Task Help_teaches_by_examples(params string[] arguments)
    {
        await using var sandbox = new Sandbox();
        var result = await sandbox.RunAsync(arguments);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains("Examples:\n  conclave ", result.Out, StringComparison.Ordinal);
        Assert.All(result.Out.Split('\n'), line => Assert.True(line.Length <= 110, line));
    }

    [Fact]
    public async Task What_stdout_does_not_take_is_an_error_unless_its_reader_has_left()
    {
        await using var sandbox = new Sandbox();
        for (int i = 0; i < 3; i++)
        {
            await sandbox.RunAsync("map", "set", "m", $"{i}", "1");
        }

        foreach (string command in (string[])["map export m", "map list m", "map get m 1", "counter get n", "--help"])
        {
            var full = await sandbox.Run("/bin/bash", ["-c", $"exec \"$BINARY\" {command} > /dev/full"], []).FinishAsync();
            Assert.Equal(ExitCode.CannotWrite, full.ExitCode);
            Assert.Contains("standard output cannot be written", full.OnlyLine, StringComparison.Ordinal);
        }

        var left = await sandbox.Run("/bin/bash", ["-c", "\"$BINARY\" map list m | true; echo ${PIPESTATUS[0]}"], []).FinishAsync();
        Assert.Equal(("0\n", ""), (left.Out, left.Error));
    }

    [Fact]
    public async Task The_version_is_one_line()
    {
        await using var sandbox = new Sandbox();
        Assert.Matches("^[0-9]+\\.[0-9]+\\.[0-9]+\n$", (await sandbox.RunAsync("--version")).Out);
    }
}
