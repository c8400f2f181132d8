using System.Text.Json;

namespace Conclave.Cli.Tests;

/// <summary>The tools beside the lock: each excludes as it says, tells its command what it holds, and shows who is there.</summary>
public sealed class OtherTools
{
    [Fact]
    public async Task A_leader_is_shown_and_watched_until_it_ends()
    {
        await using var sandbox = new Sandbox();
        Assert.Equal(75, (await sandbox.RunAsync("leader", "show", "e")).ExitCode);
        var watch = sandbox.Start("leader", "watch", "e", "--json");
        var leader = sandbox.Start("elect", "e", "--value", "here", "--", "sh", "-c", "echo $CONCLAVE_ELECTION $CONCLAVE_TOKEN; read -r line");
        string[] told = (await leader.ReadLineAsync()).Split(' ');
        Assert.Equal("e", told[0]);

        var json = JsonDocument.Parse((await sandbox.RunAsync("leader", "show", "e", "--json")).Out).RootElement;
        Assert.Equal(("here", told[1]), (json.GetProperty("value").GetString(), json.GetProperty("leader").GetProperty("token").GetRawText()));
        Assert.Equal(leader.Id, json.GetProperty("leader").GetProperty("pid").GetInt32());
        Assert.Equal(75, (await sandbox.RunAsync("elect", "e", "--try", "--", "true")).ExitCode);
        await leader.WriteLineAsync("end");
        Assert.Equal(0, (await leader.FinishAsync()).ExitCode);

        var seen = new List<string?>();
        while (seen is not [.., "here", null])
        {
            seen.Add(JsonDocument.Parse(await watch.ReadLineAsync()).RootElement.GetProperty("value").GetString());
        }

        Posix.Send(watch.Id, Posix.Int);
        Assert.Equal(130, (await watch.FinishAsync()).ExitCode);
        Assert.Contains("nobody leads 'e'", (await sandbox.RunAsync("leader", "show", "e")).OnlyLine, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_semaphore_lets_in_as_many_as_it_has_permits()
    {
        await using var sandbox = new Sandbox();
        var first = sandbox.Start("semaphore", "s", "--permits", "3", "--count", "2", "--", "sh", "-c", "echo $CONCLAVE_SEMAPHORE; read -r line");
        Assert.Equal("s", await first.ReadLineAsync());

        Assert.Equal("in\n", (await sandbox.RunAsync("semaphore", "s", "--permits", "3", "--try", "--", "echo", "in")).Out);
        var full = await sandbox.RunAsync("semaphore", "s", "--permits", "3", "--count", "2", "--try", "--", "echo", "in");
        Assert.Equal((75, ""), (full.ExitCode, full.Out));
        Assert.Contains($"the claim on 2 permits of the semaphore 's' was not acquired; it is held by {Environment.MachineName}:{first.Id}", full.OnlyLine, StringComparison.Ordinal);
        var mismatch = await sandbox.RunAsync("semaphore", "s", "--permits", "4", "--try", "--", "true");
        Assert.Equal(78, mismatch.ExitCode);
        Assert.Contains("semaphore 's' is used as one with 3 permits", mismatch.OnlyLine, StringComparison.Ordinal);
        Assert.Contains("--permits", mismatch.OnlyLine, StringComparison.Ordinal);

        // those who hold it are not in front of who waits
        var second = sandbox.Start("semaphore", "s", "--permits", "3", "--", "sh", "-c", "echo in; read -r line");
        await second.ReadLineAsync();
        var waits = sandbox.Start("semaphore", "s", "--permits", "3", "--", "true");
        await waits.Says("next in line; held by");
        Assert.Contains("and 1 more", waits.Error, StringComparison.Ordinal);
        var held = JsonDocument.Parse((await sandbox.RunAsync("status", "s", "--json")).Out).RootElement.GetProperty("semaphores")[0];
        Assert.Equal((2, 1), (held.GetProperty("holders").GetArrayLength(), held.GetProperty("waiters").GetArrayLength()));
        await second.WriteLineAsync("end");
        Assert.Equal((0, 0), ((await second.FinishAsync()).ExitCode, (await waits.FinishAsync()).ExitCode));
        await first.WriteLineAsync("end");
        Assert.Equal(0, (await first.FinishAsync()).ExitCode);
    }

    [Fact]
    public async Task Status_shows_whatever_is_held()
    {
        await using var sandbox = new Sandbox();
        CliProcess[] held =
        [
            sandbox.Start("lock", "x", "--", "sh", "-c", "echo in; read -r line"),
            sandbox.Start("rwlock", "x", "--read", "--", "sh", "-c", "echo in; read -r line"),
            sandbox.Start("rwlock", "x", "--read", "--", "sh", "-c", "echo in; read -r line"),
            sandbox.Start("semaphore", "x", "--permits", "1", "--", "sh", "-c", "echo in; read -r line"),
            sandbox.Start("elect", "y", "--", "sh", "-c", "echo in; read -r line"),
        ];
        foreach (var process in held)
        {
            await process.ReadLineAsync();
        }

        string[] all = [.. (await sandbox.RunAsync("status")).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => string.Join(' ', l.Split(' ', StringSplitOptions.RemoveEmptyEntries).Take(2)))];
        Assert.Equal(["KIND NAME", "lock x", "rwlock x", "rwlock x", "semaphore x", "election y"], all);
        string one = (await sandbox.RunAsync("status", "y")).Out;
        Assert.Contains($"{Environment.MachineName}:{held[^1].Id}", one, StringComparison.Ordinal);
        Assert.Equal(2, one.Count(c => c == '\n'));
        foreach (var process in held)
        {
            await process.WriteLineAsync("end");
            Assert.Equal(0, (await process.FinishAsync()).ExitCode);
        }
    }

    [Fact]
    public async Task Readers_are_let_in_together_and_a_writer_alone()
    {
        await using var sandbox = new Sandbox();
        var reader = sandbox.Start("rwlock", "r", "--read", "--", "sh", "-c", "echo $CONCLAVE_RWLOCK; read -r line");
        Assert.Equal("r", await reader.ReadLineAsync());
        Assert.Equal(0, (await sandbox.RunAsync("rwlock", "r", "--read", "--try", "--", "true")).ExitCode);
        var refused = await sandbox.RunAsync("rwlock", "r", "--write", "--try", "--", "true");
        Assert.Equal(75, refused.ExitCode);
        Assert.Contains("the write lock 'r' was not acquired", refused.OnlyLine, StringComparison.Ordinal);

        var writer = sandbox.Start("rwlock", "r", "--write", "--", "sh", "-c", "echo in; read -r line");
        await writer.Says("waiting");
        Assert.Equal(75, (await sandbox.RunAsync("rwlock", "r", "--read", "--try", "--", "true")).ExitCode);
        await reader.WriteLineAsync("end");
        Assert.Equal("in", await writer.ReadLineAsync());
        await writer.WriteLineAsync("end");
        Assert.Equal((0, 0), ((await reader.FinishAsync()).ExitCode, (await writer.FinishAsync()).ExitCode));
    }

    [Fact]
    public async Task Members_of_a_group_are_listed_and_watched_and_gone_when_killed()
    {
        await using var sandbox = new Sandbox();
        var watch = sandbox.Start("group", "watch", "g", "--json");
        var one = sandbox.Start("group", "join", "g", "--payload", "one:80", "--", "sh", "-c", "echo $CONCLAVE_GROUP; read -r line");
        Assert.Equal("g", await one.ReadLineAsync());
        var two = sandbox.Start("group", "join", "g", "--payload", "two:80", "--", "sh", "-c", "echo in; read -r line");
        await two.ReadLineAsync();
        Assert.Equal(["one:80", "two:80"], (await sandbox.RunAsync("group", "list", "g")).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(' ')[0]));

        Posix.Send(two.Id, Posix.Kill);
        await one.WriteLineAsync("end");

        var seen = new HashSet<string>();
        while (seen.Count < 4)
        {
            var change = JsonDocument.Parse(await watch.ReadLineAsync()).RootElement;
            seen.Add($"{change.GetProperty("change").GetString()} {change.GetProperty("member").GetProperty("payload").GetString()}");
        }

        Assert.Equal(["joined one:80", "joined two:80", "left one:80", "left two:80"], seen.Order(StringComparer.Ordinal));
        Posix.Send(watch.Id, Posix.Int);
        Assert.Equal(130, (await watch.FinishAsync()).ExitCode);
        Assert.Equal(0, (await one.FinishAsync()).ExitCode);
        await two.FinishAsync();
    }

    [Fact]
    public async Task Processes_count_together()
    {
        await using var sandbox = new Sandbox();
        var absent = await sandbox.RunAsync("counter", "get", "n");
        Assert.Equal((0, "0\n"), (absent.ExitCode, absent.Out));
        Assert.Contains("there is no store sqlite:", absent.OnlyLine, StringComparison.Ordinal);
        Assert.False(File.Exists(sandbox.StorePath));
        var sums = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => sandbox.RunAsync("counter", "add", "n", "2")));
        Assert.Equal([2, 4, 6, 8, 10, 12], sums.Select(s => int.Parse(s.Out, null)).Order());
        Assert.Equal("7\n", (await sandbox.RunAsync("counter", "add", "n", "-5")).Out);
        Assert.Equal("8\n", (await sandbox.RunAsync("counter", "add", "n")).Out);
        var overflow = await sandbox.RunAsync("counter", "add", "n", "9223372036854775807");
        Assert.Equal(64, overflow.ExitCode);
        Assert.Equal("8\n", (await sandbox.RunAsync("counter", "get", "n")).Out);
    }

    [Theory]
    [InlineData("conclave group ", "join list watch --store --json --quiet --help")]
    [InlineData("conclave counter add x --js", "--json")]
    [InlineData("conclave lock x --w", "--wait")]
    [InlineData("conclave el", "elect")]
    [InlineData("conclave time ", "show skew --store --json --quiet --help")]
    [InlineData("conclave time show --se", "--server")]
    [InlineData("conclave time skew --g", "--group")]
    [InlineData("conclave map ", "get set delete list watch export import --store --json --quiet --help")]
    [InlineData("conclave map import x --fr", "--from-line")]
    public async Task Bash_completes_what_the_grammar_knows(string line, string expected)
    {
        await using var sandbox = new Sandbox();
        string script = sandbox.Script("complete.sh", """
            source <("$BINARY" completion bash)
            read -ra COMP_WORDS <<< "$1"
            [[ $1 == *' ' ]] && COMP_WORDS+=('')
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _conclave
            echo "${COMPREPLY[@]}"
            """);
        var result = await sandbox.Run("/bin/bash", [script, line], []).FinishAsync();
        Assert.Equal((expected + "\n", ""), (result.Out, result.Error));
    }

    [Theory]
    [InlineData("zsh", "#compdef conclave")]
    [InlineData("fish", "-a elect")]
    public async Task Other_shells_have_their_scripts(string shell, string expected)
    {
        await using var sandbox = new Sandbox();
        Assert.Contains(expected, (await sandbox.RunAsync("completion", shell)).Out, StringComparison.Ordinal);
    }
}
