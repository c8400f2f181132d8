using Conclave.Servers;

namespace Conclave.Torture;

/// <summary>The workers of a run: as many as at the beginning, whoever is killed.</summary>
internal sealed class Crew(Arena arena, string resource, IReadOnlyList<string> exercises, Random random, History history) : IAsyncDisposable
{
    private readonly List<WorkerProcess> _present = [];
    private readonly List<SteppedClock> _clocks = [];
    private readonly List<WorkerProcess> _gone = [];
    private int _lastNumber;

    public IReadOnlyList<WorkerProcess> Present => _present;

    public int Started => _lastNumber;

    public async Task StartAsync(int count)
    {
        for (int i = 0; i < count; i++)
        {
            _present.Add(await StartOneAsync());
        }
    }

    /// <summary>Kills a worker, and starts another one.</summary>
    public async Task ReplaceAsync(WorkerProcess worker)
    {
        await worker.KillAsync();
        _present.Remove(worker);
        _gone.Add(worker);
        _present.Add(await StartOneAsync());
    }

    /// <summary>Lets all of them end.</summary>
    /// <returns>What was wrong with that.</returns>
    public async Task<IReadOnlyList<string>> FinishAsync(TimeSpan patience) =>
        [.. (await Task.WhenAll(_present.Select(w => w.FinishAsync(patience)))).OfType<string>()];

    public async ValueTask DisposeAsync()
    {
        foreach (var worker in _present.Concat(_gone))
        {
            await worker.DisposeAsync();
        }

        _clocks.ForEach(c => c.Dispose());
    }

    private async Task<WorkerProcess> StartOneAsync()
    {
        var clock = await SteppedClock.TryCreateAsync();
        if (clock is not null)
        {
            _clocks.Add(clock);
        }

        var (uri, proxies) = arena.Way();
        return WorkerProcess.Start(++_lastNumber, uri, arena.TimeToLive, resource, random.Next(), exercises, proxies, clock, history.Hear);
    }
}
