using Conclave.Storage;

namespace Conclave.Torture;

/// <summary>One run: an engine, its workers, a nemesis, and what is found in the end.</summary>
internal sealed class TortureRun
{
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(3);

    // an acquire gives up after its operation timeout and asks again; hints may be silent for their longest
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(25);

    // measured in the calm time: a join, a read after a wake-up, a release, and what the semaphore's queue adds
    private const double MostPerOperation = 8;

    private readonly Settings _settings;
    private readonly BootTimeProvider _clock = new();
    private readonly Action<string> _tell;
    private readonly Random _random;
    private readonly List<Violation> _violations = [];
    private readonly List<(string Fault, double Seconds)> _recoveries = [];

    private TortureRun(Settings settings, Action<string> tell) => (_settings, _tell, _random) = (settings, tell, new(settings.Seed));

    private long Now => _clock.GetTimestamp();

    /// <summary>Runs it.</summary>
    /// <param name="settings">What to do.</param>
    /// <param name="tell">Hears how it goes.</param>
    /// <param name="cancellationToken">Ends the faults early; what was seen is judged.</param>
    public static Task<Outcome> RunAsync(Settings settings, Action<string> tell, CancellationToken cancellationToken = default) =>
        new TortureRun(settings, tell).RunAsync(cancellationToken);

    private async Task<Outcome> RunAsync(CancellationToken cancellationToken)
    {
        await using var arena = Arena.All[_settings.Engine]();
        await arena.StartAsync();
        var history = new History(() => Now, _tell);
        string socket = Path.Combine(Path.GetTempPath(), $"conclave-torture-{Environment.ProcessId}-{_settings.Engine}.sock");
        await using var resource = new GuardedResource(socket, _settings.Fences);
        await using var crew = new Crew(arena, socket, _random, history);
        long begun = Now;
        await crew.StartAsync(_settings.Workers);
        var bound = await BoundAsync(arena);
        await RecoverAsync("the start", crew, history, begun, bound, cancellationToken);

        var before = history.Cost;
        await Task.Delay(Calm, TimeProvider.System, CancellationToken.None);
        var after = history.Cost;
        var nemesis = new Nemesis(arena, crew, _random, () => Now);
        long end = Now + (long)_settings.Duration.TotalNanoseconds;
        long latest = Now + (long)(_settings.Duration * 10).TotalNanoseconds;
        while ((Now < end || (Now < latest && _settings.Enough?.Invoke(history) == false)) && !cancellationToken.IsCancellationRequested && _violations.Count < 20)
        {
            await (_settings.Profile == Profile.Safety ? DisturbAsync(nemesis, cancellationToken) : DisturbOnceAsync(nemesis, crew, history, bound, cancellationToken));
        }

        await nemesis.QuietAsync();
        await RecoverAsync("all faults", crew, history, Now, bound, CancellationToken.None);
        foreach (string wrong in await crew.FinishAsync(bound))
        {
            _violations.Add(new("clean end", wrong));
        }

        await CheckStoreAsync(arena, history, bound);
        int early = CheckHistory(history, resource, nemesis.Done, arena.EndsSessionsEarlyAfter);
        double perOperation = Rate(after.Commits - before.Commits, after.Operations - before.Operations);
        double wakeUps = Rate(after.WakeUps - before.WakeUps, after.Operations - before.Operations);
        if (perOperation > MostPerOperation || wakeUps > MostPerOperation)
        {
            _violations.Add(new("cost", $"{perOperation:0.0} commits and {wakeUps:0.0} wake-ups per operation while nothing was wrong, expected at most {MostPerOperation}"));
        }

        return new(
            _settings, arena.TimeToLive, bound, crew.Started, history, [.. nemesis.Done.OrderBy(f => f.From)], _violations, [.. ClaimOracles.HandOvers(history.Holds)],
            _recoveries, early, resource.Stale, resource.Sums, perOperation, wakeUps, begun, Now);

        static double Rate(long count, long operations) => operations == 0 ? 0 : (double)count / operations;
    }

    private async Task DisturbAsync(Nemesis nemesis, CancellationToken cancellationToken)
    {
        if (await nemesis.BeginAsync(cancellationToken) is { } fault)
        {
            Tell(fault);
        }

        await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(100, 900)), TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task DisturbOnceAsync(Nemesis nemesis, Crew crew, History history, TimeSpan bound, CancellationToken cancellationToken)
    {
        long losses = history.Losses;
        if (await nemesis.BeginAsync(cancellationToken) is { } fault)
        {
            Tell(fault);
            await nemesis.QuietAsync();
            await RecoverAsync(fault.Kind, crew, history, Now, bound, cancellationToken);
            if (fault.Kind == "worker's thread pool starved" && history.Losses > losses)
            {
                _violations.Add(new("renewal", "a worker whose thread pool was starved lost its claims", fault.From));
            }
        }
    }

    /// <summary>After a fault everybody goes on, within the bound.</summary>
    private async Task RecoverAsync(string what, Crew crew, History history, long since, TimeSpan bound, CancellationToken cancellationToken)
    {
        string? missing;
        while ((missing = history.Missing(crew.Present.Select(w => w.Number), since)) is not null && (Now - since) / 1e9 < bound.TotalSeconds)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellationToken.IsCancellationRequested)
            {
                return;
            }
        }

        if (missing is not null)
        {
            _violations.Add(new("liveness", $"{missing} within {bound.TotalSeconds:0} s after {what}", Now));
        }
        else
        {
            _recoveries.Add((what, (Now - since) / 1e9));
        }
    }

    private static async Task<TimeSpan> BoundAsync(Arena arena)
    {
        await using var store = Stores.Open(arena.Direct);
        var description = store.Description;
        return description.LatestExpiry(arena.TimeToLive) + arena.Stretch + arena.WaitOut + (description.MaxSilence * 2) + Slack;
    }

    /// <summary>Nothing is left, and the counter counted.</summary>
    private async Task CheckStoreAsync(Arena arena, History history, TimeSpan bound)
    {
        await using var store = Stores.Open(arena.Direct);
        await using var client = new ConclaveClient(store, new() { LeaveStoreOpen = true });
        long since = Now;
        string left;
        while ((left = await LeftAsync(store)).Length > 0 && (Now - since) / 1e9 < bound.TotalSeconds)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System);
        }

        if (left.Length > 0)
        {
            _violations.Add(new("clean end", $"{bound.TotalSeconds:0} s after the last worker ended there still is: {left}"));
        }

        foreach (var ((kind, name), additions) in history.Additions)
        {
            long count = kind == "counter" ? await client.Counter(name).GetAsync()
                : (await client.Map<string, long>(kind == "map" ? "map" : "owned").GetAsync(name))?.Value ?? 0;
            if (count < additions.Made || count > additions.Asked)
            {
                _violations.Add(new("lost updates", $"{kind} '{name}' is {count}, but {additions.Made} additions were confirmed and {additions.Asked} were asked for"));
            }
        }
    }

    private static async Task<string> LeftAsync(IStore store)
    {
        string[] prefixes = ["lock/", "leader/", "semaphore/", "change/", "session/"];
        try
        {
            var result = await store.CommitAsync(new(reads: [.. prefixes.Select(p => Read.Scan(p, limit: 3))]));
            return string.Join(", ", result.Reads.SelectMany(r => r).Select(e => e.Key));
        }
        catch (ConclaveException e) when (e.IsTransient)
        {
            return e.Message;
        }
    }

    /// <returns>How often claims overlapped because the engine ended a session early.</returns>
    private int CheckHistory(History history, GuardedResource resource, IReadOnlyCollection<FaultRecord> faults, IReadOnlyList<string> early)
    {
        var claims = ClaimOracles.Check(history.Holds).ToLookup(v => EarlyEnds.Explain(v, faults, early));
        _violations.AddRange(claims[false]);
        _violations.AddRange(history.Errors.Select(e => new Violation("errors", e)));
        if (_settings.Fences)
        {
            _violations.AddRange(resource.Sums.Where(s => s.Value != s.Writes)
                .Select(s => new Violation("lost updates", $"'{s.Name}' is {s.Value} after {s.Writes} accepted additions", Name: ("lock", s.Name))));
        }

        return claims[true].Count();
    }

    private void Tell(FaultRecord fault) => _tell($"{fault.Kind}{(fault.Worker is { } worker ? $" ({worker})" : "")}");
}
