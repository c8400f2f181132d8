using System.Globalization;

namespace Conclave.Bench;

/// <summary>The processes of the benchmark of the tools.</summary>
internal static class ToolWorker
{
    /// <summary>The process: campaigns, says when it leads, and resigns when it is told to.</summary>
    public static async Task<int> LeadAsync(string uri, string name)
    {
        var clock = new BootTimeProvider();
        await using var client = WorkerProcess.Connect(uri);
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
        await using var client = WorkerProcess.Connect(uri);

        // against another client: whoever has never waited and been granted compiles while others wait for it
        string warm = $"warm/{Environment.ProcessId}";
        await using (var other = WorkerProcess.Connect(uri))
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
