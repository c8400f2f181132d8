using System.Diagnostics;
using System.Text;

namespace Conclave.Cli.Tests;

/// <summary>What a run came to.</summary>
internal sealed record CliResult(int ExitCode, string Out, string Error)
{
    /// <summary>The only line on stderr, and it is ours.</summary>
    public string OnlyLine
    {
        get
        {
            string line = Assert.Single(Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            Assert.StartsWith("conclave: ", line, StringComparison.Ordinal);
            return line;
        }
    }
}

/// <summary>A running conclave whose output is collected.</summary>
internal sealed class CliProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _out = new();
    private readonly StringBuilder _error = new();
    private readonly Task _reading;
    private int _read;

    public CliProcess(Process process)
    {
        _process = process;
        _reading = Task.WhenAll(ReadAsync(process.StandardOutput, _out), ReadAsync(process.StandardError, _error));
    }

    public int Id => _process.Id;

    public StreamWriter Input => _process.StandardInput;

    public string Out
    {
        get
        {
            lock (_out)
            {
                return _out.ToString();
            }
        }
    }

    public string Error
    {
        get
        {
            lock (_error)
            {
                return _error.ToString();
            }
        }
    }

    public bool HasEnded => _process.HasExited;

    public void Signal(int signal) => Posix.Send(Id, signal);

    /// <summary>Waits for the next line on stdout.</summary>
    public async Task<string> ReadLineAsync()
    {
        int end = -1;
        await Eventually.True(() => (end = Out.IndexOf('\n', _read)) >= 0, $"a line on stdout; there is: {Out} / {Error}");
        string line = Out[_read..end];
        _read = end + 1;
        return line;
    }

    public async Task WriteLineAsync(string line)
    {
        await Input.WriteLineAsync(line);
        await Input.FlushAsync();
    }

    public Task Prints(string text) => Eventually.True(() => Out.Contains(text, StringComparison.Ordinal), $"'{text}' on stdout; there is: {Out} / {Error}");

    public Task Says(string text) => Eventually.True(() => Error.Contains(text, StringComparison.Ordinal), $"'{text}' on stderr; there is: {Error}");

    /// <summary>Waits until it has ended and its output is complete.</summary>
    public async Task<CliResult> FinishAsync()
    {
        using var deadline = new CancellationTokenSource(Eventually.Patience, TimeProvider.System);
        await _process.WaitForExitAsync(deadline.Token);
        await _reading.WaitAsync(deadline.Token);
        return new(_process.ExitCode, Out, Error);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private static async Task ReadAsync(StreamReader reader, StringBuilder text)
    {
        char[] buffer = new char[4096];
        while (await reader.ReadAsync(buffer) is > 0 and var count)
        {
            lock (text)
            {
                text.Append(buffer, 0, count);
            }
        }
    }
}
