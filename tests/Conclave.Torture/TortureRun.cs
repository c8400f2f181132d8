using Conclave.Storage;

namespace Conclave.Torture;

/// <summary>One run: an engine, its workers, a nemesis, and what is found in the end.</summary>
internal sealed class TortureRun
{
    // an acquire gives up after its operation timeout and asks again; hints may be silent for their longest
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(25);

    private static readonly TimeSpan LongestCalm = TimeSpan.FromSeconds(20);

    // after an overlap its explanation may come: who lost hears of it with the next renewal
    private const long Explained = 6_000_000_000;

    private readonly Settings _settings;
    private readonly BootTimeProvider _clock = new();
    private readonly Action<string> _tell;
    private readonly Random _random;
    private readonly List<Violation> _violations = [];
    private readonly List<(string Fault, double Seconds)> _recoveries = [];
    private readonly List<(long Epoch, long At)> _raised = [];

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
        if (_settings.TimeToLive is { } timeToLive)
        {
            arena.TimeToLive = timeToLive;
        }

        await arena.StartAsync();
        var history = new History(_settings.Exercises, () => Now, _tell);
        string socket = Path.Combine(Path.GetTempPath(), $"conclave-torture-{Environment.ProcessId}-{_settings.Engine}.sock");
        await using var resource = new GuardedResource(socket, _settings.Fences);
        await using var crew = new Crew(arena, socket, _settings.Exercises, _random, history);
        await using var operatorStore = Stores.Open(arena.Direct);
        long begun = Now;
        await crew.StartAsync(_settings.Workers);
        var nemesis = new Nemesis(arena, crew, _settings.Faults, () => StoreFaults.Of(operatorStore, _random, epoch => _raised.Add((epoch, Now))), _random, () => Now);
        if (_settings.Faults.FirstOrDefault(f => !nemesis.Kinds.Contains(f)) is { } unknown)
        {
            throw new ArgumentException($"There is no fault '{unknown}' on {_settings.Engine}; there are: {string.Join(", ", nemesis.Kinds)}.");
        }

        var bound = BoundOf(operatorStore.Description, arena);
        await RecoverAsync("the start", crew, history, begun, bound, cancellationToken);
        var calm = await StayCalmAsync(arena, history, cancellationToken);
        string[] known = [.. arena.EndsSessionsEarlyAfter, StoreFaults.EndedByHand];
        bool IsOver() => _settings.StopsAtFirst && IsBad(history, nemesis.Done, arena.TimeToLive, known);
        await LayFaultsAsync(nemesis, crew, history, bound, begun, IsOver, cancellationToken);
        foreach (var step in (Func<Task>[])
        [
            () => RecoverAsync("all faults", crew, history, Now, bound, CancellationToken.None), () => FinishAsync(crew, operatorStore, bound), () => CheckStoreAsync(operatorStore, history, bound),
        ])
        {
            if (!IsOver())
            {
                await step();
            }
        }

        int early = CheckHistory(history, resource, nemesis.Done, arena.TimeToLive, known);
        return new(
            _settings, arena.TimeToLive, bound, crew.Started, history, [.. nemesis.Done.OrderBy(f => f.From)], _violations, [.. ClaimOracles.HandOvers(history.Holds)],
            _recoveries, early, resource.Stale, resource.Sums, calm.CommitsPerOperation, calm.WakeUpsPerOperation, begun, Now);
    }

    private async Task LayFaultsAsync(Nemesis nemesis, Crew crew, History history, TimeSpan bound, long quietSince, Func<bool> isOver, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        long end = Now + (long)_settings.Duration.TotalNanoseconds;
        long latest = Now + (long)(_settings.Duration * 10).TotalNanoseconds;
        while ((Now < end || (Now < latest && _settings.Enough?.Invoke(history) == false)) && !stop.IsCancellationRequested && _violations.Count < 20)
        {
            if (isOver())
            {
                _tell("the first violation");
                await stop.CancelAsync();
                break;
            }

            quietSince = await (_settings.Profile == Profile.Safety ? DisturbAsync(nemesis, stop.Token) : DisturbOnceAsync(nemesis, crew, history, bound, quietSince, stop.Token));
        }

        await nemesis.QuietAsync();
    }

    /// <summary>Some time without faults, until it shows what operations cost.</summary>
    private async Task<Cost> StayCalmAsync(Arena arena, History history, CancellationToken cancellationToken)
    {
        long since = Now;
        var before = history.Cost;
        while (!cancellationToken.IsCancellationRequested && (Now - since) / 1e9 is var seconds
            && (seconds < _settings.Calm.TotalSeconds || (seconds < LongestCalm.TotalSeconds && HandsOver && !CostOracles.HasEnough(history.Holds, since))))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, CancellationToken.None);
        }

        var cost = history.Cost - before;
        _violations.AddRange(CostOracles.Check(cost, (Now - since) / 1e9, _settings.Workers, arena.TimeToLive, history.Holds, since, _settings.Prompt));
        return cost;
    }

    private bool HandsOver => _settings.Exercises.Any(e => e is "lock" or "leader" or "semaphore");

    /// <summary>Whether there is a violation that nothing can explain any more.</summary>
    private bool IsBad(History history, IReadOnlyList<FaultRecord> faults, TimeSpan timeToLive, IReadOnlyCollection<string> known) =>
        _violations.Count > 0 || history.Wrongs.Count > 0
        || ClaimOracles.Check(history.Holds).Concat(ClaimOracles.Epochs(history.Holds, _raised)).Any(v => Now - v.Around > Explained && !EarlyEnds.Explain(v, faults, timeToLive, known));

    private async Task<long> DisturbAsync(Nemesis nemesis, CancellationToken cancellationToken)
    {
        if (await nemesis.BeginAsync(cancellationToken) is { } begun)
        {
            Tell(begun.Record);
        }

        await Task.Delay(_settings.Pace * (0.2 + (1.6 * _random.NextDouble())), TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return Now;
    }

    /// <returns>Since when nothing is wrong.</returns>
    private async Task<long> DisturbOnceAsync(Nemesis nemesis, Crew crew, History history, TimeSpan bound, long quietSince, CancellationToken cancellationToken)
    {
        int shared = ClaimOracles.Shared(history.Holds);
        if (await nemesis.BeginAsync(cancellationToken) is not { } begun)
        {
            return quietSince;
        }

        var (fault, record) = begun;
        Tell(record);
        await nemesis.QuietAsync();
        long quiet = Now;
        await RecoverAsync(fault.Kind, crew, history, quiet, bound, cancellationToken);

        // what was granted before the last fault was over may have been lost by that one
        if (history.Holds.FirstOrDefault(h => h.IsLost && h.Granted > quietSince && (fault.IsHarmless || (fault.SparesSessions && h.Kind != "ownership"))) is { } lost)
        {
            _violations.Add(new("harmless", $"worker {lost.Worker} lost {lost.Kind} '{lost.Name}' while the only fault was: {fault.Kind}", record.From, (lost.Kind, lost.Name)));
        }

        if (fault.IsHarmless && ClaimOracles.Shared(history.Holds) > shared)
        {
            _violations.Add(new("harmless", $"an ownership had two owners while the only fault was: {fault.Kind}", record.From));
        }

        return quiet;
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

    private static TimeSpan BoundOf(StoreDescription description, Arena arena) =>
        description.LatestExpiry(arena.TimeToLive) + arena.Stretch + arena.WaitOut + (description.MaxSilence * 2) + Slack;

    /// <summary>Lets all workers end: each by itself, and each takes its sessions along.</summary>
    private async Task FinishAsync(Crew crew, IStore store, TimeSpan bound)
    {
        // those of the killed run out first, or nobody knows whose is left
        long since = Now;
        bool isKnown;
        while (!(isKnown = await CountSessionsAsync(store) <= crew.Present.Count * Worker.Sessions) && (Now - since) / 1e9 < bound.TotalSeconds)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System);
        }

        foreach (string wrong in await crew.FinishAsync(bound))
        {
            _violations.Add(new("clean end", wrong));
        }

        if (isKnown && await CountSessionsAsync(store) is > 0 and var left)
        {
            _violations.Add(new("clean end", $"{left} sessions are left by workers that ended by themselves"));
        }
    }

    private static async Task<int> CountSessionsAsync(IStore store) => (await store.CommitAsync(new(reads: [Read.Scan("session/")]))).Reads[0].Length;

    /// <summary>Nothing is left, and the counter counted.</summary>
    private async Task CheckStoreAsync(IStore store, History history, TimeSpan bound)
    {
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
    private int CheckHistory(History history, GuardedResource resource, IReadOnlyCollection<FaultRecord> faults, TimeSpan timeToLive, IReadOnlyCollection<string> early)
    {
        var claims = ClaimOracles.Check(history.Holds).ToLookup(v => EarlyEnds.Explain(v, faults, timeToLive, early));
        _violations.AddRange(claims[false]);
        _violations.AddRange(ClaimOracles.Epochs(history.Holds, _raised));
        _violations.AddRange(history.Wrongs);
        if (_settings.Fences)
        {
            _violations.AddRange(resource.Sums.Where(s => s.Value != s.Writes)
                .Select(s => new Violation("lost updates", $"'{s.Name}' is {s.Value} after {s.Writes} accepted additions", Name: ("lock", s.Name))));
        }

        return claims[true].Count();
    }

    private void Tell(FaultRecord fault) => _tell($"{fault.Kind}{(fault.Worker is { } worker ? $" ({worker})" : "")}");
}
