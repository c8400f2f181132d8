using System.Globalization;

namespace Conclave.Cli.Tests;

/// <summary>What a command under a lock gets, and what it gives back.</summary>
public sealed class RunningCommands
{
    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("exit 7", 7)]
    [InlineData("exit 255", 255)]
    [InlineData("kill -KILL $$", 137)]
    [InlineData("kill -TERM $$", 143)]
    public async Task The_exit_code_is_that_of_the_command(string script, int expected)
    {
        await using var sandbox = new Sandbox();
        var result = await sandbox.RunAsync("lock", "x", "--", "sh", "-c", script);
        Assert.Equal((expected, ""), (result.ExitCode, result.Error));
    }

    [Fact]
    public async Task A_command_learns_its_lock_and_a_token_that_rises()
    {
        await using var sandbox = new Sandbox();
        var first = await sandbox.RunAsync("lock", "a/b c", "--", "sh", "-c", "echo \"$CONCLAVE_LOCK:$CONCLAVE_TOKEN\"");
        var second = await sandbox.RunAsync("lock", "a/b c", "--", "sh", "-c", "echo \"$CONCLAVE_LOCK:$CONCLAVE_TOKEN\"");
        Assert.True(Token(second.Out) > Token(first.Out));

        static long Token(string text)
        {
            Assert.StartsWith("a/b c:", text, StringComparison.Ordinal);
            return long.Parse(text[6..].Trim(), CultureInfo.InvariantCulture);
        }
    }

    [Fact]
    public async Task The_rest_of_the_environment_arrives_also_where_no_shell_could_name_it()
    {
        await using var sandbox = new Sandbox();
        var result = await sandbox.Run(Sandbox.Binary, ["lock", "x", "--", "env"], [("my.dotted-name", "1 2"), ("CONCLAVE_TOKEN", "stale")]).FinishAsync();
        string[] lines = result.Out.Split('\n');
        Assert.Contains("my.dotted-name=1 2", lines);
        Assert.DoesNotContain("CONCLAVE_TOKEN=stale", lines);
        Assert.Single(lines, l => l.StartsWith("CONCLAVE_TOKEN=", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Arguments_arrive_unchanged()
    {
        string[] arguments = ["", "a b", "'", "\"", "$HOME `x`", "*", "line 1\nline 2\n", "--", "-x", "--ttl", "ü€🙂", "\\", "@file", "a=b"];
        await using var sandbox = new Sandbox();
        var result = await sandbox.RunAsync(["lock", "x", "--", "sh", "-c", "for a; do printf '%s\\0' \"$a\"; done", "sh", .. arguments]);
        Assert.Equal(arguments, result.Out.Split('\0')[..^1]);
    }

    [Fact]
    public async Task Bytes_that_are_no_text_arrive_unchanged()
    {
        await using var sandbox = new Sandbox();
        string script = "a=$(printf 'x\\377\\376y'); \"$BINARY\" lock x -- printf %s \"$a\" | od -An -tx1";
        var result = await sandbox.Run("/bin/sh", ["-c", script], []).FinishAsync();
        Assert.Equal("78 ff fe 79", result.Out.Trim());
    }

    [Fact]
    public async Task A_name_with_bytes_that_are_no_text_is_refused()
    {
        await using var sandbox = new Sandbox();
        var result = await sandbox.Run("/bin/sh", ["-c", "exec \"$BINARY\" lock \"$(printf 'a\\355\\240\\200')\" -- true"], []).FinishAsync();
        Assert.Equal(ExitCode.Usage, result.ExitCode);
        Assert.Contains("UTF-8", result.OnlyLine, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Data_flows_through_stdin_stdout_and_stderr()
    {
        await using var sandbox = new Sandbox();
        var process = sandbox.Start("lock", "x", "--", "sh", "-c", "echo problem >&2; cat");
        string data = string.Concat(Enumerable.Range(0, 50_000).Select(i => $"line {i}\n"));
        await process.Input.WriteAsync(data);
        process.Input.Close();
        var result = await process.FinishAsync();
        Assert.Equal((0, data, "problem\n"), (result.ExitCode, result.Out, result.Error));
    }

    [Fact]
    public async Task A_command_has_the_descriptors_it_would_have_without_us()
    {
        await using var sandbox = new Sandbox();
        string[] look = ["-c", "ls /proc/self/fd"];
        var bare = await sandbox.Run("/bin/sh", look, []).FinishAsync();
        var guarded = await sandbox.RunAsync(["lock", "x", "--", "/bin/sh", .. look]);
        Assert.Equal(bare.Out, guarded.Out);
    }

    [Fact]
    public async Task No_signal_is_blocked_or_ignored_for_a_command()
    {
        await using var sandbox = new Sandbox();
        var result = await sandbox.RunAsync("lock", "x", "--", "grep", "-E", "SigBlk|SigIgn", "/proc/self/status");

        // 32 and 33 belong to glibc, whose posix_spawn leaves them ignored
        var sets = result.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => Convert.ToUInt64(l.Split('\t')[1], 16) & ~0x1_8000_0000UL);
        Assert.Equal([0UL, 0UL], sets);
    }

    [Fact]
    public async Task Signals_that_were_ignored_stay_ignored()
    {
        await using var sandbox = new Sandbox();
        var result = await sandbox.Run("/bin/sh", ["-c", "trap '' HUP; exec \"$BINARY\" lock x -- sh -c 'kill -HUP $$; kill -HUP $PPID; echo alive'"], []).FinishAsync();
        Assert.Equal((0, "alive\n"), (result.ExitCode, result.Out));
    }

    [Fact]
    public async Task A_command_is_found_in_the_PATH_and_keeps_its_name()
    {
        await using var sandbox = new Sandbox();
        sandbox.Script("tool", "#!/bin/sh\necho \"tool $1\"\n");
        var result = await sandbox.Run(Sandbox.Binary, ["lock", "x", "--", "tool", "1"], [("PATH", $"/nowhere:{sandbox.Directory}:/usr/bin:/bin")]).FinishAsync();
        Assert.Equal("tool 1\n", result.Out);
    }

    [Fact]
    public async Task A_script_without_an_interpreter_line_runs_as_in_a_shell()
    {
        await using var sandbox = new Sandbox();
        string script = sandbox.Script("plain", "echo \"plain $1\"\n");
        Assert.Equal("plain 1\n", (await sandbox.RunAsync("lock", "x", "--", script, "1")).Out);
    }

    [Fact]
    public async Task Background_children_are_gone_before_the_lock_is_released()
    {
        await using var sandbox = new Sandbox();
        var process = sandbox.Start("lock", "x", "--", "sh", "-c", "sleep 1000 </dev/null >/dev/null 2>&1 & (trap '' TERM; exec sleep 1001 >/dev/null 2>&1) & echo $$; sleep 0.1; exit 3");
        await process.Prints("\n");
        int group = int.Parse(process.Out, CultureInfo.InvariantCulture);
        var next = await sandbox.RunAsync("lock", "x", "--", "sh", "-c", Guarding.GroupCheck(group));
        Assert.Equal((0, "gone\n"), (next.ExitCode, next.Out));
        Assert.Equal(3, (await process.FinishAsync()).ExitCode);
    }

    [Fact]
    public async Task Locks_nest()
    {
        await using var sandbox = new Sandbox();
        var result = await sandbox.RunAsync("lock", "outer", "--", Sandbox.Binary, "lock", "inner", "--", "sh", "-c", "echo $CONCLAVE_LOCK");
        Assert.Equal((0, "inner\n"), (result.ExitCode, result.Out));
    }
}
