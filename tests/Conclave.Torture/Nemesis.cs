namespace Conclave.Torture;

/// <summary>Lays faults, and puts them right.</summary>
/// <param name="only">The kinds that are laid; none for all that are not special.</param>
/// <param name="ofTheStore">What can be done to the store, past the workers.</param>
internal sealed class Nemesis(Arena arena, Crew crew, IReadOnlyList<string> only, Func<IEnumerable<Fault>> ofTheStore, Random random, Func<long> now)
{
    // of those that last
    private const int AtATime = 3;

    private readonly List<(Fault Fault, Task Running)> _active = [];
    private readonly List<FaultRecord> _done = [];

    public IReadOnlyList<FaultRecord> Done
    {
        get
        {
            lock (_done)
            {
                return [.. _done];
            }
        }
    }

    /// <summary>What there is, wanted or not.</summary>
    public IReadOnlyList<string> Kinds => [.. All(crew.Present[0]).Select(f => f.Kind).Order(StringComparer.Ordinal)];

    /// <summary>Begins one more fault, of those that do not exclude each other with one that is there.</summary>
    /// <returns>Its kind, and its end as far as it is known; null when there is none to begin.</returns>
    public async Task<(Fault Fault, FaultRecord Record)?> BeginAsync(CancellationToken stop)
    {
        _active.RemoveAll(a => a.Running.IsCompleted);
        bool isFull = _active.Count(a => a.Fault.Span > TimeSpan.Zero) >= AtATime;
        var worker = crew.Present[random.Next(crew.Present.Count)];
        Fault[] possible = [.. All(worker).Where(IsWanted).Where(f => !isFull || f.Span == TimeSpan.Zero).Where(f => f.Exclusive is null || _active.All(a => a.Fault.Exclusive != f.Exclusive))];
        if (possible.Length == 0)
        {
            return null;
        }

        var fault = possible[random.Next(possible.Length)];
        int? victim = fault.Kind.StartsWith("worker", StringComparison.Ordinal) ? worker.Number : null;
        long from = now();
        await fault.Begin();
        var running = EndAsync(fault, victim, from, stop);
        _active.Add((fault, running));
        return (fault, new(fault.Kind, victim, from, from));
    }

    /// <summary>Waits until every fault was put right.</summary>
    public async Task QuietAsync()
    {
        await Task.WhenAll(_active.Select(a => a.Running));
        _active.Clear();
    }

    private IEnumerable<Fault> All(WorkerProcess worker) => WorkerFaults.Of(worker, () => crew.ReplaceAsync(worker), arena, random).Concat(arena.Faults(random)).Concat(ofTheStore());

    private bool IsWanted(Fault fault) => only.Count > 0 ? only.Contains(fault.Kind) : !fault.IsSpecial;

    private async Task EndAsync(Fault fault, int? victim, long from, CancellationToken stop)
    {
        await Task.Delay(fault.Span, TimeProvider.System, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await (fault.End?.Invoke() ?? Task.CompletedTask);
        lock (_done)
        {
            _done.Add(new(fault.Kind, victim, from, now()));
        }
    }
}
