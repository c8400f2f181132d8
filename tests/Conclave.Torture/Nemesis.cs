namespace Conclave.Torture;

/// <summary>Lays faults, and puts them right.</summary>
internal sealed class Nemesis(Arena arena, Crew crew, Random random, Func<long> now)
{
    private const int AtATime = 3;

    private readonly List<(Fault Fault, Task Running)> _active = [];
    private readonly List<FaultRecord> _done = [];

    public IReadOnlyList<FaultRecord> Done => _done;

    /// <summary>Begins one more fault, of those that do not exclude each other with one that is there.</summary>
    /// <returns>Its end.</returns>
    public async Task<FaultRecord?> BeginAsync(CancellationToken stop)
    {
        _active.RemoveAll(a => a.Running.IsCompleted);
        if (_active.Count >= AtATime)
        {
            return null;
        }

        var worker = crew.Present[random.Next(crew.Present.Count)];
        Fault[] possible =
        [
            .. WorkerFaults.Of(worker, () => crew.ReplaceAsync(worker), arena.TimeToLive, random).Concat(arena.Faults(random))
                .Where(f => f.Exclusive is null || _active.All(a => a.Fault.Exclusive != f.Exclusive)),
        ];
        var fault = possible[random.Next(possible.Length)];
        int? victim = fault.Kind.StartsWith("worker", StringComparison.Ordinal) ? worker.Number : null;
        long from = now();
        await fault.Begin();
        var running = EndAsync(fault, victim, from, stop);
        _active.Add((fault, running));
        return new(fault.Kind, victim, from, from);
    }

    /// <summary>Waits until every fault was put right.</summary>
    public async Task QuietAsync()
    {
        await Task.WhenAll(_active.Select(a => a.Running));
        _active.Clear();
    }

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
