using System.Diagnostics;
using System.Globalization;

namespace Conclave.Bench;

/// <summary>A process of a benchmark, and how to start one. Times are of the boot clock, so those of all processes compare.</summary>
internal sealed class WorkerProcess : IDisposable
{
    /// <summary>The time to live of a worker's session: the shortest that every engine has by default.</summary>
    public static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(10);

    private readonly Process _process;

    private WorkerProcess(Process process) => _process = process;

    public int Id => _process.Id;

    public static WorkerProcess Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["worker", .. arguments]) { RedirectStandardOutput = true, RedirectStandardInput = true };

        // compiled once, while it warms up: fifty processes that improve their code in the background are all that a small machine then does (half of its
        // time, perf says)
        start.Environment["DOTNET_TieredCompilation"] = "0";

        // a heap for each processor, times a hundred processes, is memory that nobody has
        start.Environment["DOTNET_gcServer"] = "0";
        return new(Process.Start(start)!);
    }

    /// <summary>Starts so many, two at a time, and waits until each has said that it is ready: to start them takes the machine longer than anything they do.</summary>
    public static async Task<List<WorkerProcess>> StartAsync(int count, Func<int, string[]> arguments)
    {
        var workers = new List<WorkerProcess>();
        try
        {
            while (workers.Count < count)
            {
                int first = workers.Count;
                int together = Math.Min(Environment.ProcessorCount, count - first);
                workers.AddRange(Enumerable.Range(first, together).Select(i => Start(arguments(i))));
                await Task.WhenAll(workers.Skip(first).Select(w => w.TimeAsync()));
            }

            return workers;
        }
        catch
        {
            workers.ForEach(w => w.Dispose());
            throw;
        }
    }

    public static ConclaveClient Connect(string uri, TimeSpan? timeToLive = null) => new(Stores.Open(uri), new() { SessionTimeToLive = timeToLive ?? TimeToLive });

    /// <summary>What the process says next.</summary>
    public async Task<string> LineAsync() => await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("A process of the benchmark has ended.");

    /// <summary>What the process says next: a time.</summary>
    public async Task<long> TimeAsync() => long.Parse(await LineAsync(), CultureInfo.InvariantCulture);

    /// <summary>What the process says next: numbers.</summary>
    public async Task<double[]> NumbersAsync() => [.. (await LineAsync()).Split(' ').Select(n => double.Parse(n, CultureInfo.InvariantCulture))];

    public async Task<string> RestAsync() => await _process.StandardOutput.ReadToEndAsync();

    /// <summary>All that it says until its end: lines of numbers.</summary>
    public async Task<long[][]> LinesAsync() =>
        [.. (await RestAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(' ').Select(n => long.Parse(n, CultureInfo.InvariantCulture)).ToArray())];

    public void GoOn() => Say("");

    public void Say(string line) => _process.StandardInput.WriteLine(line);

    public void Kill() => _process.Kill();

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }
}
