using System.Globalization;

namespace Conclave.Bench;

/// <summary>
/// The process: so many wait for one lock that one holds; then it is given up, and goes from one to the next. In one client, in a client
/// each, or as people write it by hand.
/// </summary>
internal static class WaitersWorker
{
    private static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(30);

    public static async Task<int> RunAsync(string kind, string uri, int waiters)
    {
        var store = new CountingStore(Stores.Open(uri));
        var stores = new List<CountingStore> { store };
        await using var holder = new ConclaveClient(store, new() { SessionTimeToLive = TimeToLive });
        var clients = new List<ConclaveClient>();
        var hands = new List<Contender>();

        async Task<Func<string, Task<Func<Task>>>> ConnectAsync(int number)
        {
            switch (kind)
            {
                case "local":
                    return name => TakeAsync(holder, name);
                case "clients":
                    var own = new CountingStore(Stores.Open(uri));
                    var client = new ConclaveClient(own, new() { SessionTimeToLive = TimeToLive });
                    stores.Add(own);
                    clients.Add(client);

                    // a session of its own
                    await Measure.AcquireAndReleaseAsync(client.Lock($"warm/{number}"));
                    return name => TakeAsync(client, name);
                default:
                    var hand = await Contender.ConnectAsync(kind, uri, TimeToLive);
                    hands.Add(hand);
                    return hand.TakeAsync;
            }
        }

        var first = kind.StartsWith("hand", StringComparison.Ordinal) ? await ConnectAsync(-1) : name => TakeAsync(holder, name);
        var takers = new List<Func<string, Task<Func<Task>>>>();
        for (int i = 0; i < Math.Min(waiters, 5); i++)
        {
            takers.Add(await ConnectAsync(i));
        }

        await RoundAsync(first, takers, "warm", () => Task.CompletedTask);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        Console.WriteLine("begin");
        await Console.In.ReadLineAsync();
        for (int i = takers.Count; i < waiters; i++)
        {
            takers.Add(await ConnectAsync(i));
        }

        long Requests() => stores.Sum(s => (long)s.Commits + s.Renewals + s.Waits) + hands.Sum(h => h.Requests);
        (long waiting, int commits, int waits, long tries, long memory) = (0, 0, 0, 0, 0);
        double milliseconds = await RoundAsync(first, takers, "counted", async () =>
        {
            await StandingAsync();
            memory = GC.GetTotalMemory(forceFullCollection: true) - before;
            Console.WriteLine("standing");

            // what it costs only to wait; the coordinator looks at the server meanwhile
            waiting = Requests();
            await Console.In.ReadLineAsync();
            waiting = Requests() - waiting;
            (commits, waits, tries) = (stores.Sum(s => s.Commits), stores.Sum(s => s.Waits), hands.Sum(h => h.Requests));
        });
        (commits, waits, tries) = (stores.Sum(s => s.Commits) - commits, stores.Sum(s => s.Waits) - waits, hands.Sum(h => h.Requests) - tries);

        // one hand-over or ten say little
        var rounds = new List<double> { milliseconds };
        while (rounds.Count < 20 / waiters)
        {
            rounds.Add(await RoundAsync(first, takers, $"again/{rounds.Count}", () => Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System)));
        }

        milliseconds = Report.Median(rounds);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{milliseconds / waiters:R} {(kind.StartsWith("hand", StringComparison.Ordinal) ? tries : commits) / (double)waiters:R} {waits / (double)waiters:R} {memory / (double)waiters:R} {waiting}"));

        // nobody needs an orderly end of a thousand sessions
        Environment.Exit(0);
        return 0;

        async Task StandingAsync()
        {
            if (kind == "clients")
            {
                while (await WaitingAsync(holder, "counted") < waiters)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(Math.Max(50, waiters)), TimeProvider.System);
                }
            }

            // until they wait for the store's word, or for the next try
            await Task.Delay(TimeSpan.FromMilliseconds(kind == "local" ? 200 : 1000), TimeProvider.System);
        }
    }

    /// <returns>How many wait; none where the server has too much to do to answer.</returns>
    private static async Task<int> WaitingAsync(ConclaveClient client, string name)
    {
        try
        {
            return (await client.Lock(name).InspectAsync()).Waiters.Length;
        }
        catch (StoreUnavailableException)
        {
            return 0;
        }
    }

    /// <returns>How long it took from the release until all had it, in milliseconds.</returns>
    private static async Task<double> RoundAsync(Func<string, Task<Func<Task>>> first, List<Func<string, Task<Func<Task>>>> takers, string name, Func<Task> standingAsync)
    {
        var release = await first(name);
        Task[] all = [.. takers.Select(take => Task.Run(async () => await (await take(name))()))];
        await standingAsync();
        long start = TimeProvider.System.GetTimestamp();
        await release();
        await Task.WhenAll(all);
        return TimeProvider.System.GetElapsedTime(start).TotalMilliseconds;
    }

    private static async Task<Func<Task>> TakeAsync(ConclaveClient client, string name)
    {
        var claim = await client.Lock(name).AcquireAsync();
        return async () => await claim.DisposeAsync();
    }
}
