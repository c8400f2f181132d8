using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Conclave.Bench;
using Conclave.Storage;

namespace Conclave.Torture;

/// <summary>What a crowd showed.</summary>
/// <param name="Rows">What was measured, for people.</param>
/// <param name="Violations">What must not be.</param>
internal sealed record CrowdOutcome(IReadOnlyList<(string What, string Got)> Rows, IReadOnlyList<Violation> Violations)
{
    public string ToMarkdown(Settings settings, string machine, string date)
    {
        var text = new StringBuilder($"# Torture: {settings.Engine}, crowd\n\n`./torture --engine {settings.Engine} --profile crowd --sessions {settings.Sessions} --workers {settings.Workers}`, {date}, {machine}\n\n");
        text.Append(Violations.Count == 0 ? "**Nothing wrong was found.**\n\n" : $"**{Violations.Count} violations.**\n\n").Append("| what | |\n|---|---|\n");
        text.Append(string.Concat(Rows.Select(r => $"| {r.What} | {r.Got} |\n"))).Append(string.Concat(Violations.Select(v => $"\n- {v.Oracle}: {v.What}")));
        return text.Append(Violations.Count > 0 ? "\n" : "").ToString();
    }
}

/// <summary>
/// Many at once: sessions that end together must not take anything from those that live, and clients that come back together after an outage must not
/// bury the server. One process, real servers.
/// </summary>
internal sealed class CrowdRun
{
    private const int AtATime = 64;
    private const int Bystanders = 10;

    // while nothing answers, pauses grow to two seconds, with a random half
    private const double MostRequestsPerClient = 10;

    private static readonly TimeSpan CrowdTimeToLive = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(60);

    private readonly Settings _settings;
    private readonly Action<string> _tell;
    private readonly BootTimeProvider _clock = new();
    private readonly List<(string What, string Got)> _rows = [];
    private readonly ConcurrentQueue<Violation> _violations = [];

    private CrowdRun(Settings settings, Action<string> tell) => (_settings, _tell) = (settings, tell);

    /// <summary>Runs both parts.</summary>
    /// <param name="settings">The engine, how many sessions, how many clients.</param>
    /// <param name="tell">Hears how it goes.</param>
    public static Task<CrowdOutcome> RunAsync(Settings settings, Action<string> tell) => new CrowdRun(settings, tell).RunAsync();

    private async Task<CrowdOutcome> RunAsync()
    {
        await using var arena = Arena.All[_settings.Engine]();
        arena.TimeToLive = CrowdTimeToLive;
        await arena.StartAsync();
        await EndTogetherAsync(arena);
        if (arena.Faults(new(_settings.Seed)).FirstOrDefault(f => f.Kind == "server killed") is { } outage)
        {
            await ComeBackTogetherAsync(arena, outage);
        }

        return new(_rows, [.. _violations]);
    }

    /// <summary>Thousands of sessions that nobody renews, beside some that live.</summary>
    private async Task EndTogetherAsync(Arena arena)
    {
        var bystanders = Enumerable.Range(0, Bystanders).Select(_ => new ConclaveClient(Stores.Open(arena.Direct), new() { SessionTimeToLive = TimeToLive })).ToArray();
        var held = await Task.WhenAll(bystanders.Select((c, i) => c.Lock($"held{i}").AcquireAsync().AsTask()));
        await using var store = Stores.Open(arena.Direct);
        int sessions = _settings.Sessions;
        long begun = _clock.GetTimestamp();
        await Parallel.ForEachAsync(Enumerable.Range(0, sessions), new ParallelOptions { MaxDegreeOfParallelism = AtATime }, async (i, cancellation) =>
        {
            var session = await store.OpenSessionAsync(CrowdTimeToLive, cancellation);
            await store.PutAsync($"crowd/{i}", default, session.Id, cancellation);
        });
        var opened = _clock.GetElapsedTime(begun);
        _tell($"{sessions} sessions with an entry each");
        using var over = new CancellationTokenSource();
        var probes = bystanders.Select((c, i) => Task.Run(() => ProbeAsync(c, i, over.Token))).ToArray();
        var longest = store.Description.LatestExpiry(CrowdTimeToLive) + arena.Stretch + Slack;
        long since = _clock.GetTimestamp();
        long? first = null;
        int left;
        while ((left = await CountAsync(store)) > 0 && _clock.GetElapsedTime(since) < longest + opened)
        {
            first ??= left < sessions ? _clock.GetTimestamp() : null;
            await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System);
        }

        var took = _clock.GetElapsedTime(first ?? since);
        await over.CancelAsync();
        double[] waits = [.. (await Task.WhenAll(probes)).SelectMany(p => p).Order()];
        Row("sessions that end together, each with an entry", $"{sessions}, opened in {opened.TotalSeconds:0.0} s");
        Row("from the first entry that was gone to the last", $"{took.TotalSeconds:0.0} s");
        Row($"meanwhile {Bystanders} clients that live: acquire and release", $"median {waits[waits.Length / 2]:0.0} ms, at most {waits[^1]:0} ms of {waits.Length}");
        Row("claims they lost", $"{held.Count(h => !h.IsHeld)}");
        if (left > 0)
        {
            Violate("liveness", $"{left} entries of sessions that are over are still there after {longest.TotalSeconds:0} s");
        }

        foreach (var lost in held.Where(h => h.Lost.IsCancellationRequested || !h.IsHeld))
        {
            Violate("innocents", $"'{lost.Name}' was lost while the sessions of others ended");
        }

        await Task.WhenAll(bystanders.Select(b => b.DisposeAsync().AsTask()));
    }

    /// <summary>Many clients, pairs of which take turns, and a server that is gone for a while.</summary>
    private async Task ComeBackTogetherAsync(Arena arena, Fault outage)
    {
        int count = Math.Min(_settings.Workers, arena.MostClients);
        var stores = Enumerable.Range(0, count).Select(_ => new CountingStore(Stores.Open(arena.Direct))).ToArray();
        var clients = stores.Select(s => new ConclaveClient(s, new() { SessionTimeToLive = TimeToLive, OperationTimeout = TimeSpan.FromMinutes(5) })).ToArray();
        long[] granted = new long[count];
        using var over = new CancellationTokenSource();
        var turns = clients.Select((c, i) => Task.Run(() => TakeTurnsAsync(c, i, granted, over.Token))).ToArray();
        await UntilAllAsync(0, TimeSpan.FromMinutes(2));
        double calm = await RequestsPerSecondAsync(Window);
        _tell($"{count} clients, {calm:0} requests a second; the server is killed");
        await outage.Begin();
        double away = await RequestsPerSecondAsync(Window);
        await outage.End!();
        long back = _clock.GetTimestamp();
        var bound = stores[0].Description.LatestExpiry(TimeToLive) + arena.Stretch + arena.WaitOut + Slack;
        var all = UntilAllAsync(back, bound);
        var rates = new List<double>();
        while (!all.IsCompleted)
        {
            rates.Add(await RequestsPerSecondAsync(TimeSpan.FromSeconds(1)));
        }

        bool came = await all;
        await over.CancelAsync();
        await Task.WhenAll(turns);
        Row($"requests of {count} clients while nothing is wrong", $"{calm:0} a second");
        Row($"while the server is gone for {Window.TotalSeconds:0} s", $"{away:0} a second, {away / count:0.0} for each client; allowed {MostRequestsPerClient:0}");
        Row("after it has come back, in the worst second", $"{rates.DefaultIfEmpty().Max():0}");
        Row("until every client had a claim again", came ? $"{_clock.GetElapsedTime(back, granted.Max()).TotalSeconds:0.0} s; bound {bound.TotalSeconds:0} s" : $"not within {bound.TotalSeconds:0} s");
        if (!came)
        {
            Violate("liveness", $"{granted.Count(g => g < back)} of {count} clients got no claim within {bound.TotalSeconds:0} s after the outage");
        }

        if (away / count > MostRequestsPerClient)
        {
            Violate("cost", $"{away / count:0.0} requests a second for each client while the server was gone");
        }

        await Task.WhenAll(clients.Select(c => c.DisposeAsync().AsTask()));

        async Task<bool> UntilAllAsync(long since, TimeSpan longest)
        {
            long start = _clock.GetTimestamp();
            while (granted.Any(g => Volatile.Read(ref g) <= since) && _clock.GetElapsedTime(start) < longest)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            }

            return granted.All(g => g > since);
        }

        async Task<double> RequestsPerSecondAsync(TimeSpan span)
        {
            long before = stores.Sum(s => (long)s.Requests);
            long start = _clock.GetTimestamp();
            await Task.Delay(span, TimeProvider.System);
            return (stores.Sum(s => (long)s.Requests) - before) / _clock.GetElapsedTime(start).TotalSeconds;
        }
    }

    private async Task TakeTurnsAsync(ConclaveClient client, int number, long[] granted, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            try
            {
                await using var claim = await client.Lock($"turn{number / 2}").AcquireAsync(over);
                Volatile.Write(ref granted[number], _clock.GetTimestamp());
                await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System, over);
            }
            catch (OperationCanceledException) when (over.IsCancellationRequested)
            {
                return;
            }
            catch (ConclaveException e) when (e.IsTransient)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System, CancellationToken.None);
            }
        }
    }

    private async Task<List<double>> ProbeAsync(ConclaveClient client, int number, CancellationToken over)
    {
        var waits = new List<double>();
        while (!over.IsCancellationRequested)
        {
            long begun = _clock.GetTimestamp();
            await using (await client.Lock($"probe{number}").AcquireAsync(CancellationToken.None))
            {
            }

            waits.Add(_clock.GetElapsedTime(begun).TotalMilliseconds);
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, CancellationToken.None);
        }

        return waits;
    }

    private static async Task<int> CountAsync(IStore store)
    {
        int count = 0;
        await foreach (var entry in store.ScanAsync("crowd/"))
        {
            count++;
        }

        return count;
    }

    private void Row(string what, FormattableString got) => _rows.Add((what, got.ToString(CultureInfo.InvariantCulture)));

    private void Row(string what, string got) => _rows.Add((what, got));

    private void Violate(string oracle, FormattableString what) => _violations.Enqueue(new(oracle, what.ToString(CultureInfo.InvariantCulture)));
}
