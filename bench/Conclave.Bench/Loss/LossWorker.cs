using System.Globalization;

namespace Conclave.Bench;

/// <summary>The process: holds a lock and says when it lost it, or wants several and says when it got each.</summary>
internal static class LossWorker
{
    /// <param name="kind"><c>ours</c> or <c>hand50</c>.</param>
    /// <param name="uri">The store.</param>
    /// <param name="names">Names, with commas between them.</param>
    /// <param name="timeToLive">How long a dead holder is waited for.</param>
    public static async Task<int> HoldAsync(string kind, string uri, string names, TimeSpan timeToLive)
    {
        var clock = new BootTimeProvider();
        var console = new Lock();
        void Say(string what, string name)
        {
            lock (console)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what} {name} {clock.GetTimestamp()}"));
            }
        }

        await using var hand = kind == "ours" ? null : await Contender.ConnectAsync(kind, uri, timeToLive);
        await using var client = kind == "ours" ? WorkerProcess.Connect(uri, timeToLive) : null;
        if (client is not null)
        {
            await Measure.AcquireAndReleaseAsync(client.Lock($"warm/{Environment.ProcessId}"));
        }

        Console.WriteLine(clock.GetTimestamp());
        await Console.In.ReadLineAsync();
        var wanting = names.Split(',').Select(name => Task.Run(async () =>
        {
            if (client is null)
            {
                await hand!.TakeAsync(name);
                Say("granted", name);
                return;
            }

            var claim = await client.Lock(name).AcquireAsync();
            Say("granted", name);
            claim.Lost.Register(() => Say("lost", name));
        })).ToArray();

        // until it is killed, or done with; but not in silence where something failed
        var told = Console.In.ReadLineAsync();
        await foreach (var task in Task.WhenEach([.. wanting, told]))
        {
            if (task == told)
            {
                break;
            }

            await task;
        }

        Environment.Exit(0);
        return 0;
    }
}
