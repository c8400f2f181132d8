using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Conclave.Tests;

/// <summary>Another process of ours, which a test may stop, continue and kill.</summary>
internal sealed partial class Worker : IAsyncDisposable
{
    private readonly Process _process;

    private Worker(Process process) => _process = process;

    public static Worker Start(params ReadOnlySpan<string> arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Conclave.TestWorker"))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return new(Process.Start(start)!);
    }

    /// <summary>Starts a process that waits for a lock, holds it, and answers questions.</summary>
    public static Worker StartHolder(string file, string name, TimeSpan timeToLive) =>
        Start("hold", file, name, timeToLive.TotalSeconds.ToString(CultureInfo.InvariantCulture));

    /// <summary>Waits until a holder has its lock.</summary>
    /// <returns>Its token, and when it got it, by the boot clock of the machine.</returns>
    public async Task<(long Token, long Granted)> GrantedAsync()
    {
        string[] granted = (await ReadLineAsync()).Split(' ');
        Assert.Equal("granted", granted[0]);
        return (long.Parse(granted[1], CultureInfo.InvariantCulture), long.Parse(granted[2], CultureInfo.InvariantCulture));
    }

    public async Task<string> AskAsync(string command)
    {
        await _process.StandardInput.WriteLineAsync(command);
        await _process.StandardInput.FlushAsync();
        return await ReadLineAsync();
    }

    public async Task<string[]> ReadToEndAsync()
    {
        string text = await _process.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(2));
        await _process.WaitForExitAsync();
        Assert.Equal(0, _process.ExitCode);
        return text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    public void Kill() => Signal(9);

    public void Stop() => Signal(19);

    public void Continue() => Signal(18);

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            Kill();
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private async Task<string> ReadLineAsync() => (await _process.StandardOutput.ReadLineAsync().InTime())!;

    private void Signal(int signal) => Assert.Equal(0, SendSignal(_process.Id, signal));

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int process, int signal);
}
