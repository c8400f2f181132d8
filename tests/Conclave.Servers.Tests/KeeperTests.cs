using System.Diagnostics;
using System.Globalization;

namespace Conclave.Servers.Tests;

public sealed class KeeperTests
{
    /// <summary>Set for the process that a test starts from this program, and kills.</summary>
    private const string ChildVariable = "CONCLAVE_TEST_SERVERS_CHILD";

    /// <summary>Not a test of its own: another process runs it, and is killed meanwhile.</summary>
    [Fact]
    public async Task Child_that_starts_servers_and_waits()
    {
        if (Environment.GetEnvironmentVariable(ChildVariable) is not { } file)
        {
            return;
        }

        var redis = await RedisServer.StartAsync();
        var postgres = await PostgresServer.StartAsync();
        var command = await RunningCommand.StartAsync(["sleep", "1000"]);
        // in a session of its own, as children of children
        int[] processes = [.. ProcessTree.Of(redis.ProcessId), .. ProcessTree.Of(postgres.ProcessId), command.ProcessId];
        await File.WriteAllLinesAsync(file + ".new", [redis.Folder, postgres.Folder, .. processes.Select(p => p.ToString(CultureInfo.InvariantCulture))]);
        File.Move(file + ".new", file);
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System);
    }

    [Fact]
    public async Task Servers_of_a_killed_process_are_gone_and_so_are_their_folders()
    {
        var folder = Directory.CreateTempSubdirectory("conclave-test-");
        try
        {
            string file = Path.Combine(folder.FullName, "traces");
            var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
            start.Environment[ChildVariable] = file;
            start.ArgumentList.Add("-method");
            start.ArgumentList.Add($"*.{nameof(Child_that_starts_servers_and_waits)}");
            using var child = Process.Start(start)!;
            await Eventually.TrueAsync(() => File.Exists(file) || child.HasExited);
            Assert.False(child.HasExited);

            string[] traces = await File.ReadAllLinesAsync(file);
            int[] processes = [.. traces.Skip(2).Select(t => int.Parse(t, CultureInfo.InvariantCulture))];
            Assert.True(processes.Length > 5);
            Assert.All(processes, process => Assert.True(ProcessTree.IsAlive(process)));

            child.Kill();
            await Eventually.TrueAsync(() => !processes.Any(ProcessTree.IsAlive));
            await Eventually.TrueAsync(() => !traces.Take(2).Any(Directory.Exists));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_program_hears_interrupts()
    {
        await using var command = await RunningCommand.StartAsync(["sh", "-c", "trap 'echo bye; exit 3' INT; echo hello; while :; do sleep 0.05; done"]);
        Assert.Equal("hello", await command.ReadLineAsync().InTime());
        command.Interrupt();
        Assert.Equal("bye", await command.ReadLineAsync().InTime());
        Assert.Equal(3, await command.Exited.InTime());
    }

    [Fact]
    public async Task A_program_takes_its_children_along()
    {
        var command = await RunningCommand.StartAsync(["sh", "-c", "setsid sleep 1000 & echo $!; wait"]);
        int child = int.Parse((await command.ReadLineAsync().InTime())!, CultureInfo.InvariantCulture);
        Assert.True(ProcessTree.IsAlive(child));
        await command.DisposeAsync();
        await Eventually.TrueAsync(() => !ProcessTree.IsAlive(child));
    }

    [Fact]
    public async Task Ports_of_a_dead_server_stay_its_own()
    {
        await using var server = await RedisServer.StartAsync();
        server.Kill();
        await server.ExitedAsync().InTime();
        // what others are given, who ask for any port
        using var others = new ReservedPorts(3000);
        Assert.DoesNotContain(Enumerable.Range(0, 3000), i => others[i] == server.Port);
        await Assert.ThrowsAsync<System.Net.Sockets.SocketException>(() => server.CommandAsync("PING"));
        await server.RestartAsync();
    }
}
