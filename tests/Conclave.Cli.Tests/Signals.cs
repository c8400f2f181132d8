namespace Conclave.Cli.Tests;

/// <summary>Signals that are sent to conclave reach the command.</summary>
public sealed class Signals
{
    [Theory]
    [InlineData(Posix.Hup, "HUP")]
    [InlineData(Posix.Int, "INT")]
    [InlineData(Posix.Quit, "QUIT")]
    [InlineData(Posix.Term, "TERM")]
    [InlineData(Posix.Usr1, "USR1")]
    [InlineData(Posix.Usr2, "USR2")]
    public async Task A_signal_is_passed_on(int signal, string name)
    {
        await using var sandbox = new Sandbox();
        var process = sandbox.Start("lock", "x", "--", "sh", "-c", $"trap 'echo {name}; exit 9' {name}; echo ready; while :; do sleep 0.05; done 2>/dev/null");
        await process.Prints("ready");
        process.Signal(signal);
        var result = await process.FinishAsync();

        // what the shell says about its own child, which got the signal too, is not ours
        Assert.Equal((9, $"ready\n{name}\n"), (result.ExitCode, result.Out));
        Assert.DoesNotContain("conclave", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_signal_that_ends_the_command_shows_in_the_exit_code()
    {
        await using var sandbox = new Sandbox();
        var process = sandbox.Start("lock", "x", "--", "sh", "-c", "echo ready; exec sleep 1000");
        await process.Prints("ready");
        process.Signal(Posix.Term);
        Assert.Equal(143, (await process.FinishAsync()).ExitCode);
        Assert.Equal(0, (await sandbox.RunAsync("lock", "x", "--try", "--", "true")).ExitCode);
    }
}
