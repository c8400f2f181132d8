namespace Conclave.Cli.Tests;

/// <summary>At a terminal, with the pseudo-terminal of script(1).</summary>
public sealed class Terminals
{
    private const char CtrlC = '\u0003';
    private const char CtrlZ = '\u001a';

    [Fact]
    public async Task Ctrl_C_reaches_the_command_once()
    {
        await using var sandbox = new Sandbox();
        var terminal = Open(sandbox, "lock x -- sh -c 'trap \"echo INT\" INT; echo ready; n=0; while [ $n -lt 40 ]; do n=$((n+1)); sleep 0.05; done; exit 5'");
        await terminal.Prints("ready");
        await TypeAsync(terminal, CtrlC);
        var result = await terminal.FinishAsync();
        Assert.Equal(5, result.ExitCode);
        Assert.Equal(2, result.Out.Split("INT").Length);
    }

    [Fact]
    public async Task A_command_reads_the_terminal_and_cannot_be_suspended()
    {
        await using var sandbox = new Sandbox();
        var terminal = Open(sandbox, "lock x -- sh -c 'echo ready; read -r a; echo \"got $a\"'");
        await terminal.Prints("ready");
        await TypeAsync(terminal, CtrlZ);
        await terminal.Prints("cannot be suspended");
        await terminal.Input.WriteAsync("hello\n");
        await terminal.Input.FlushAsync();
        await terminal.Prints("got hello");
        Assert.Equal(0, (await terminal.FinishAsync()).ExitCode);
    }

    [Fact]
    public async Task The_terminal_comes_back_after_the_command()
    {
        await using var sandbox = new Sandbox();
        var terminal = Open(sandbox, "lock x -- sh -c true; read -r a; echo \"got $a\"");
        await terminal.Input.WriteAsync("hello\n");
        await terminal.Input.FlushAsync();
        await terminal.Prints("got hello");
        await terminal.FinishAsync();
    }

    [Fact]
    public async Task In_a_pipeline_the_command_gets_the_terminal_when_it_asks_for_it()
    {
        await using var sandbox = new Sandbox();
        var terminal = Open(sandbox, "lock x -- sh -c 'read -r a; echo \"got $a\"' | cat");
        await terminal.Input.WriteAsync("hello\n");
        await terminal.Input.FlushAsync();
        await terminal.Prints("got hello");
        await terminal.FinishAsync();
    }

    [Fact]
    public async Task The_wait_is_shown_in_place_and_Ctrl_C_ends_it()
    {
        await using var sandbox = new Sandbox();
        var holder = await Waiting.HoldAsync(sandbox, "x");
        var terminal = Open(sandbox, "lock x -- echo mine");
        await terminal.Prints($"for 'x', next in line; held by {Environment.MachineName}:{holder.Id} cat");
        await terminal.Prints("waiting 2s");
        await TypeAsync(terminal, CtrlC);
        var result = await terminal.FinishAsync();
        Assert.Equal(130, result.ExitCode);
        Assert.DoesNotContain("mine", result.Out, StringComparison.Ordinal);
        Assert.EndsWith("\r\u001b[K", result.Out.TrimEnd('^', 'C'), StringComparison.Ordinal);
        await Waiting.EndAsync(holder);
    }

    private static CliProcess Open(Sandbox sandbox, string line)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/script"), "script(1) is not installed");
        return sandbox.Run("/usr/bin/script", ["-qec", $"stty cols 200; \"$BINARY\" {line}", "/dev/null"], [("TERM", "xterm"), ("SHELL", "/bin/sh")]);
    }

    private static async Task TypeAsync(CliProcess terminal, char key)
    {
        await terminal.Input.WriteAsync(key);
        await terminal.Input.FlushAsync();
    }
}
