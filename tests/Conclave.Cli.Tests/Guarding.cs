using System.Globalization;
using System.Text;
using Conclave.Cli.Processes;
using Conclave.Sqlite;
using Conclave.Storage;
using SQLitePCL;

namespace Conclave.Cli.Tests;

/// <summary>The command never outlives the lock, whatever happens to conclave.</summary>
public sealed class Guarding
{
    // ignores every request to end, and so do its children
    private const string Stubborn = "trap '' TERM INT HUP; sh -c 'sleep 1000 & sleep 1000 & wait' & sleep 1000 & echo \"$$ ready\"; while :; do wait; sleep 1000; done";

    [Fact]
    public async Task Killing_conclave_kills_the_group_and_lets_the_next_in_well_below_the_ttl()
    {
        await using var sandbox = new Sandbox();
        var (victim, group) = await StartAsync(sandbox, "--ttl", "60s");
        Assert.True(Posix.MembersOf(group).Count >= 5);
        var next = sandbox.Start("lock", "x", "--ttl", "60s", "--", "sh", "-c", GroupCheck(group));
        await next.Says("waiting");

        long since = TimeProvider.System.GetTimestamp();
        victim.Signal(Posix.Kill);
        var result = await next.FinishAsync();
        Assert.Equal((0, "gone\n"), (result.ExitCode, result.Out));
        Assert.True(TimeProvider.System.GetElapsedTime(since) < TimeSpan.FromSeconds(10));
        Assert.Empty(Posix.MembersOf(group));
    }

    [Fact]
    public async Task The_next_is_not_let_in_while_the_group_of_a_killed_conclave_lives()
    {
        // an orphaned group that is stopped is continued by the kernel; with us as its parent the watchdog stays stopped, and nobody reaps
        Posix.AdoptOrphans(true);
        try
        {
            await using var sandbox = new Sandbox();
            var (victim, group) = await StartAsync(sandbox, "--ttl", "60s");
            int watchdog = Assert.Single(WatchdogsOf(victim));
            Posix.Send(watchdog, Posix.Stop);
            victim.Signal(Posix.Kill);
            await Eventually.True(() => Posix.StateOf(victim.Id) is null or 'Z', "the end of the victim");

            var tooEarly = await sandbox.RunAsync("lock", "x", "--wait", "1s", "--", "true");
            Assert.Equal(ExitCode.NotAcquired, tooEarly.ExitCode);
            Assert.NotEmpty(Posix.MembersOf(group));

            Posix.Send(watchdog, Posix.Cont);
            var next = await sandbox.RunAsync("lock", "x", "--wait", "10s", "--", "sh", "-c", GroupCheck(group));
            Assert.Equal((0, "gone\n"), (next.ExitCode, next.Out));
        }
        finally
        {
            Posix.AdoptOrphans(false);
        }
    }

    [Fact]
    public async Task A_stopped_conclave_loses_its_command_by_the_deadline()
    {
        await using var sandbox = new Sandbox();
        var (victim, group) = await StartAsync(sandbox, "--ttl", "2s");
        var next = sandbox.Start("lock", "x", "--", "sh", "-c", GroupCheck(group));
        await next.Says("waiting");

        long since = TimeProvider.System.GetTimestamp();
        victim.Signal(Posix.Stop);
        await Eventually.True(() => Posix.MembersOf(group).Count == 0, "the end of the group", TimeSpan.FromSeconds(5));
        Assert.True(TimeProvider.System.GetElapsedTime(since) < TimeSpan.FromSeconds(3));
        var result = await next.FinishAsync();
        Assert.Equal((0, "gone\n"), (result.ExitCode, result.Out));

        victim.Signal(Posix.Cont);
        var stopped = await victim.FinishAsync();
        Assert.Equal(ExitCode.ClaimLost, stopped.ExitCode);
        Assert.Contains("was lost", stopped.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_that_is_gone_from_the_store_ends_the_command_with_70()
    {
        await using var sandbox = new Sandbox();
        var (victim, group) = await StartAsync(sandbox, "--ttl", "2s");
        await using (var store = new SqliteStore(sandbox.StorePath))
        {
            await foreach (var entry in store.ScanAsync("lock/x/"))
            {
                await store.CloseSessionAsync(entry.Session!.Value);
            }
        }

        var result = await victim.FinishAsync();
        Assert.Equal(ExitCode.ClaimLost, result.ExitCode);
        Assert.Contains("the lock 'x' was lost", result.OnlyLine, StringComparison.Ordinal);
        Assert.Empty(Posix.MembersOf(group));
    }

    [Fact]
    public async Task A_command_whose_lock_cannot_be_renewed_is_asked_first_and_killed_at_the_deadline()
    {
        await using var sandbox = new Sandbox();
        string script = "trap 'echo asked' TERM; echo \"$$ ready\"; while :; do sleep 0.05; done";
        var process = sandbox.Start("lock", "x", "--ttl", "3s", "--grace", "1500ms", "--", "sh", "-c", script);
        await process.Prints("ready");
        int group = int.Parse(process.Out.Split(' ')[0], CultureInfo.InvariantCulture);
        using (BlockStore(sandbox.StorePath))
        {
            await process.Says("cannot be renewed");
            await process.Prints("asked");
            Assert.NotEmpty(Posix.MembersOf(group));
            await Eventually.True(() => Posix.MembersOf(group).Count == 0, "the end of the group", TimeSpan.FromSeconds(5));
        }

        var result = await process.FinishAsync();
        Assert.Equal(ExitCode.ClaimLost, result.ExitCode);
        Assert.Contains("was lost", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disturbance_that_passes_disturbs_nobody()
    {
        await using var sandbox = new Sandbox();
        var process = sandbox.Start("lock", "x", "--ttl", "4s", "--grace", "500ms", "--json", "--", "sh", "-c", "echo ready; read -r line; echo done");
        await process.Prints("ready");
        using (BlockStore(sandbox.StorePath))
        {
            // longer than a renewal interval: some renewal has to fail
            await Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System);
        }

        await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System);
        await process.Input.WriteLineAsync();
        var result = await process.FinishAsync();
        Assert.Equal((0, "ready\ndone\n"), (result.ExitCode, result.Out));
        Assert.DoesNotContain("expiring", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_watchdog_that_is_killed_is_replaced()
    {
        await using var sandbox = new Sandbox();
        var (victim, group) = await StartAsync(sandbox, "--ttl", "60s");
        int first = Assert.Single(WatchdogsOf(victim));
        Posix.Send(first, Posix.Kill);
        await victim.Says("started another");
        Assert.NotEqual(first, Assert.Single(WatchdogsOf(victim)));
        victim.Signal(Posix.Kill);
        await Eventually.True(() => Posix.MembersOf(group).Count == 0, "the end of the group");
    }

    [Fact]
    public async Task A_command_cannot_be_suspended()
    {
        await using var sandbox = new Sandbox();
        var process = sandbox.Start("lock", "x", "--", "sh", "-c", "kill -STOP $$; kill -TSTP $$; echo on");
        var result = await process.FinishAsync();
        Assert.Equal((0, "on\n"), (result.ExitCode, result.Out));
        Assert.Contains("cannot be suspended", result.OnlyLine, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/bin/dash")]
    [InlineData("/bin/bash")]
    public async Task The_watchdog_script_means_the_same_in_every_shell(string shell)
    {
        Assert.SkipUnless(File.Exists(shell), $"there is no {shell} here");
        await using var sandbox = new Sandbox();
        foreach (string told in new[] { "", "guard {0}\n", "guard {0}\nrenewed\n" })
        {
            // as after the death of conclave: the other side of descriptor 3 is closed
            var command = sandbox.Run("/usr/bin/setsid", ["sleep", "1000"], [("CONCLAVE_GUARD", "mark-" + sandbox.Directory)]);
            await Eventually.True(() => Posix.MembersOf(command.Id).Count == 1, "the command");
            var start = new System.Diagnostics.ProcessStartInfo("/bin/sh", ["-c", "exec \"$0\" -c \"$1\" conclave-watchdog \"$2\" 3<&0 </dev/null", shell, WatchdogScript.Text, "mark-" + sandbox.Directory])
            {
                RedirectStandardInput = true,
                RedirectStandardError = true,
            };
            using var watchdog = System.Diagnostics.Process.Start(start)!;
            await watchdog.StandardInput.WriteAsync(string.Format(CultureInfo.InvariantCulture, told, command.Id));
            Assert.False(command.HasEnded);
            watchdog.StandardInput.Close();
            Assert.Equal(137, (await command.FinishAsync()).ExitCode);
            await Eventually.True(() => watchdog.HasExited, "the end of the watchdog");
        }
    }

    [Fact]
    public async Task A_watchdog_that_was_told_no_group_finds_the_command_by_its_mark()
    {
        string mark = "test-" + Guid.NewGuid().ToString("n");
        Assert.Equal(0, Spawn.Start(new("/bin/sleep", [.. Bytes("sleep", "1000")], [.. Bytes("CONCLAVE_GUARD=" + mark)], default), out int command));
        var child = new ChildProcess(command);
        Watchdog.Start(null, TimeSpan.FromMinutes(1), mark, default).Dispose();
        var end = await child.End.WaitAsync(Eventually.Patience, TimeProvider.System);
        Assert.Equal((Posix.Kill, true), (end.Code, end.BySignal));
        child.Reap();

        static IEnumerable<byte[]> Bytes(params string[] texts) => texts.Select(Encoding.UTF8.GetBytes);
    }

    private static async Task<(CliProcess Process, int Group)> StartAsync(Sandbox sandbox, params string[] options)
    {
        var process = sandbox.Start(["lock", "x", .. options, "--", "sh", "-c", Stubborn]);
        await process.Prints("ready");
        int group = int.Parse(process.Out.Split(' ')[0], CultureInfo.InvariantCulture);
        await Eventually.True(() => Posix.MembersOf(group).Count >= 5, "all members of the group");
        return (process, group);
    }

    // a member that is a zombie is no longer alive
    internal static string GroupCheck(int group) =>
        $"for s in /proc/[0-9]*/stat; do read -r l 2>/dev/null <$s || continue; set -- ${{l##*) }}; [ \"$3\" = {group} ] && [ \"$1\" != Z ] && echo alive; done; echo gone";

    private static List<int> WatchdogsOf(CliProcess process) =>
        Posix.Living(directory => File.ReadAllText(directory + "/cmdline").Contains($"conclave-watchdog\0{process.Id}-", StringComparison.Ordinal));

    /// <summary>Takes the write lock of the file, as a process that is stuck would.</summary>
    private static WriteLock BlockStore(string path) => new(path);

    private sealed class WriteLock : IDisposable
    {
        private readonly sqlite3 _connection;

        public WriteLock(string path)
        {
            Batteries_V2.Init();
            Assert.Equal(raw.SQLITE_OK, raw.sqlite3_open(path, out _connection));
            raw.sqlite3_busy_timeout(_connection, 5000);
            Assert.Equal(raw.SQLITE_OK, raw.sqlite3_exec(_connection, "BEGIN IMMEDIATE"));
        }

        public void Dispose()
        {
            _ = raw.sqlite3_exec(_connection, "ROLLBACK");
            _connection.Dispose();
        }
    }
}
