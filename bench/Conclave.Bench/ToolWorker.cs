using System.Diagnostics;
using System.Globalization;
using Conclave.Consul;
using Conclave.Etcd;
using Conclave.Postgres;
using Conclave.Redis;
using Conclave.Sqlite;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>A process of the benchmarks of the tools, and how to start one. Times are of the boot clock, so those of all processes compare.</summary>
internal sealed class ToolWorker : IDisposable
{
    /// <summary>The time to live of a worker's session: the shortest that every engine has by default.</summary>
    public static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(10);

    private readonly Process _process;

    private ToolWorker(Process process) => _process = process;

    public static ToolWorker Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["tool-worker", .. arguments]) { RedirectStandardOutput = true, RedirectStandardInput = true };

        // compiled once, while it warms up: fifty processes that improve their code in the background are all that a small machine then does (half of its
        // time, perf says)
        start.Environment["DOTNET_TieredCompilation"] = "0";
        return new(Process.Start(start)!);
    }

    public static ConclaveClient Connect(string uri) => new(Open(uri), new() { SessionTimeToLive = TimeToLive });

    public static IStore Open(string uri) => new StoreCatalog().AddSqlite().AddEtcd().AddConsul().AddRedis().AddPostgres().Create(StoreUri.Parse(uri));

    /// <summary>What the process says next: a time.</summary>
    public async Task<long> TimeAsync() => long.Parse(
        await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("A process of the benchmark has ended."), CultureInfo.InvariantCulture);

    public async Task<string> RestAsync() => await _process.StandardOutput.ReadToEndAsync();

    public void GoOn() => _process.StandardInput.WriteLine();

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

    /// <summary>The process: campaigns, says when it leads, and resigns when it is told to.</summary>
    public static async Task<int> LeadAsync(string uri, string name)
    {
        var clock = new BootTimeProvider();
        await using var client = Connect(uri);
        await Measure.AcquireAndReleaseAsync(client.Lock($"warm/{Environment.ProcessId}"));
        while (true)
        {
            var leadership = await client.Election(name).CampaignAsync();
            Console.WriteLine(clock.GetTimestamp());
            if (await Console.In.ReadLineAsync() is null)
            {
                return 0;
            }

            long resigned = clock.GetTimestamp();
            await leadership.ReleaseAsync();
            Console.WriteLine(resigned);

            // to stand in the queue again when it is told so
            if (await Console.In.ReadLineAsync() is null)
            {
                return 0;
            }
        }
    }

    /// <summary>The process: takes a permit again and again until the time is over, and says when it had one.</summary>
    public static async Task<int> UsePermitsAsync(string uri, string name, int permits, TimeSpan hold, TimeSpan span)
    {
        var clock = new BootTimeProvider();
        await using var client = Connect(uri);

        // against another client: whoever has never waited and been granted compiles while others wait for it
        string warm = $"warm/{Environment.ProcessId}";
        await using (var other = Connect(uri))
        {
            var warming = TimeSpan.FromMilliseconds(500);
            await Task.WhenAll(UseAsync(other, clock, warm, 1, TimeSpan.Zero, warming), UseAsync(client, clock, warm, 1, TimeSpan.Zero, warming));
        }

        Console.WriteLine(clock.GetTimestamp());
        await Console.In.ReadLineAsync();
        Console.WriteLine(string.Join('\n', await UseAsync(client, clock, name, permits, hold, span)));
        return 0;
    }

    private static async Task<List<string>> UseAsync(ConclaveClient client, BootTimeProvider clock, string name, int permits, TimeSpan hold, TimeSpan span)
    {
        long start = clock.GetTimestamp();
        var lines = new List<string>();
        while (clock.GetElapsedTime(start) < span)
        {
            var claim = await client.Semaphore(name, permits).AcquireAsync();
            long granted = clock.GetTimestamp();
            await Task.Delay(hold, TimeProvider.System);
            lines.Add(string.Create(CultureInfo.InvariantCulture, $"{granted} {clock.GetTimestamp()}"));
            await claim.DisposeAsync();
        }

        return lines;
    }
}
