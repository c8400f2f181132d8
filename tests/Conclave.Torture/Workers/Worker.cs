using System.Globalization;
using Conclave.Bench;
using Conclave.Storage;

namespace Conclave.Torture;

/// <summary>The process that is tortured: uses every tool at once, and tells what it got.</summary>
internal static class Worker
{
    /// <summary>How many sessions a worker has at most: one for each of its clients.</summary>
    public const int Sessions = 2;

    private static readonly TimeSpan CostInterval = TimeSpan.FromMilliseconds(500);

    /// <summary>Runs until its input says <c>finish</c> or ends. Other lines: <c>starve MS</c> blocks every thread of the pool.</summary>
    /// <param name="uri">The store.</param>
    /// <param name="timeToLive">The session's time to live, in seconds.</param>
    /// <param name="resourcePath">The socket of the guarded resource.</param>
    /// <param name="seed">Of its random choices.</param>
    /// <param name="exercises">What it does, separated by commas.</param>
    public static async Task<int> RunAsync(string uri, string timeToLive, string resourcePath, string seed, string exercises)
    {
        var journal = new Journal(new BootTimeProvider(), Console.Out);
        AppDomain.CurrentDomain.UnhandledException += (_, e) => journal.Tell((Exception)e.ExceptionObject);
        TaskScheduler.UnobservedTaskException += (_, e) => journal.Tell(e.Exception);
        using var finish = new CancellationTokenSource();
        string[] chosen = exercises.Split(',');
        var options = new ConclaveOptions { SessionTimeToLive = TimeSpan.FromSeconds(double.Parse(timeToLive, CultureInfo.InvariantCulture)) };
        var store = new CountingStore(Stores.Open(uri));
        var client = new ConclaveClient(store, options);

        // opened by the exercise that needs it, on a way of its own
        var second = new ConclaveClient(Stores.Open(uri), options);
        var random = new Random(int.Parse(seed, CultureInfo.InvariantCulture));
        using var losses = new LossWatch(journal);
        var loops = new List<Task>();
        await using (client)
        await using (second)
        {
            foreach (string name in chosen.SelectMany(c => Enumerable.Repeat(c, Exercises.All[c].Loops)))
            {
                var resource = await ResourceClient.ConnectAsync(resourcePath);
                var mine = new Exercises(client, second, journal, resource, losses, options.SessionTimeToLive, new Random(random.Next()));
                loops.Add(Task.Run(() => LoopAsync(Exercises.All[name].RunAsync, mine, resource, journal, finish.Token)));
            }

            loops.Add(Task.Run(() => TellCostAsync(store, journal, finish.Token)));
            await ObeyAsync(finish);
            await Task.WhenAll(loops);
        }

        return 0;
    }

    private static async Task LoopAsync(
        Func<Exercises, CancellationToken, Task> exercise, Exercises exercises, ResourceClient resource, Journal journal, CancellationToken finish)
    {
        await using (resource)
        {
            while (!finish.IsCancellationRequested)
            {
                try
                {
                    await exercise(exercises, finish);
                }
                catch (OperationCanceledException) when (finish.IsCancellationRequested)
                {
                    return;
                }
                catch (ConclaveException e) when (e.IsTransient)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, CancellationToken.None);
                }
                catch (Exception e)
                {
                    journal.Tell(e);
                    await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, CancellationToken.None);
                }
            }
        }
    }

    private static async Task TellCostAsync(CountingStore store, Journal journal, CancellationToken finish)
    {
        while (!finish.IsCancellationRequested)
        {
            journal.Tell($"cost {store.Commits} {store.Waits} {store.Renewals}");
            await Task.Delay(CostInterval, TimeProvider.System, finish).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task ObeyAsync(CancellationTokenSource finish)
    {
        while (await Console.In.ReadLineAsync() is { } line && line != "finish")
        {
            if (line.Split(' ') is ["starve", var milliseconds])
            {
                Starve(int.Parse(milliseconds, CultureInfo.InvariantCulture));
            }
        }

        await finish.CancelAsync();
    }

    /// <summary>Fills the pool with work that blocks, as code does that waits for tasks without awaiting them.</summary>
    private static void Starve(int milliseconds)
    {
        int threads = Environment.ProcessorCount * 40;
        var never = new ManualResetEventSlim();
        var clock = TimeProvider.System;
        long begun = clock.GetTimestamp();
        for (int i = 0; i < threads; i++)
        {
            // all of them end at the same moment, also those that got a thread late
            ThreadPool.UnsafeQueueUserWorkItem(_ => never.Wait((int)Math.Max(0, milliseconds - clock.GetElapsedTime(begun).TotalMilliseconds)), null);
        }
    }
}
