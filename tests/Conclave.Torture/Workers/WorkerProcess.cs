using System.Diagnostics;
using System.Globalization;
using Conclave.Servers;

namespace Conclave.Torture;

/// <summary>A worker as seen from outside: its process, its own way to the store, and what it told.</summary>
internal sealed class WorkerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task _reading;
    private readonly Task<string> _complaints;
    private int _grants;

    private WorkerProcess(int number, Process process, IReadOnlyList<FaultProxy> proxies, SteppedClock? clock, Action<int, string> heard)
    {
        (Number, _process, Proxies, Clock) = (number, process, proxies, clock);
        _reading = ReadAsync(heard);
        _complaints = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Never the same for two processes of a run.</summary>
    public int Number { get; }

    /// <summary>How many claims it was granted so far.</summary>
    public int Grants => Volatile.Read(ref _grants);

    /// <summary>What stands between it and the servers, and nobody else.</summary>
    public IReadOnlyList<FaultProxy> Proxies { get; }

    /// <summary>Its wall clock; null where none can be made.</summary>
    public SteppedClock? Clock { get; }

    public static WorkerProcess Start(
        int number, string uri, TimeSpan timeToLive, string resource, int seed, IReadOnlyList<string> exercises, IReadOnlyList<FaultProxy> proxies, SteppedClock? clock, Action<int, string> heard)
    {
        var start = new ProcessStartInfo(
            Environment.ProcessPath is { } self && Path.GetFileNameWithoutExtension(self) == "conclave-torture" ? self : Path.Combine(AppContext.BaseDirectory, "conclave-torture"),
            ["worker", uri, timeToLive.TotalSeconds.ToString(CultureInfo.InvariantCulture), resource, seed.ToString(CultureInfo.InvariantCulture), string.Join(',', exercises)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in clock?.Environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        return new(number, Process.Start(start)!, proxies, clock, heard);
    }

    public void Stop() => Signal(19);

    public void Continue() => Signal(18);

    public void Starve(TimeSpan span) => Say(string.Create(CultureInfo.InvariantCulture, $"starve {(int)span.TotalMilliseconds}"));

    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        await _reading;
    }

    /// <summary>Lets it end by itself.</summary>
    /// <returns>Null, or what was wrong with its end.</returns>
    public async Task<string?> FinishAsync(TimeSpan patience)
    {
        Say("finish");
        try
        {
            await _process.WaitForExitAsync().WaitAsync(patience, TimeProvider.System);
            await _reading;
            string complaints = await _complaints;
            return _process.ExitCode == 0 && complaints.Length == 0 ? null : $"worker {Number} ended with {_process.ExitCode}: {complaints.ReplaceLineEndings(" | ")}";
        }
        catch (TimeoutException)
        {
            return $"worker {Number} did not end within {patience.TotalSeconds:0} s";
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
        foreach (var proxy in Proxies)
        {
            await proxy.DisposeAsync();
        }
    }

    private async Task ReadAsync(Action<int, string> heard)
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("grant ", StringComparison.Ordinal))
            {
                Interlocked.Increment(ref _grants);
            }

            heard(Number, line);
        }
    }

    private void Say(string line)
    {
        try
        {
            _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // it has just ended
        }
    }

    private void Signal(int number) => ProcessSignal.Send(_process, number);
}
