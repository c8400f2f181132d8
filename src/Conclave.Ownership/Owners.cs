using System.Collections.Concurrent;
using Conclave.Storage;
using Microsoft.Extensions.Logging;

namespace Conclave.Ownership;

/// <summary>What all owners of one client share: the local lines, and what is held, which is given up when the client is disposed.</summary>
internal sealed class Owners : IAsyncDisposable
{
    private readonly ConcurrentDictionary<Hold, byte> _holds = [];

    private Owners(Coordinator coordinator)
    {
        Coordinator = coordinator;
        Turns = new(coordinator.Time);
        Logger = coordinator.CreateLogger("Conclave.Ownership");
    }

    public Coordinator Coordinator { get; }

    public LocalTurns Turns { get; }

    public ILogger Logger { get; }

    public TimeProvider Time => Coordinator.Time;

    public static Owners Of(Coordinator coordinator) => coordinator.Part(c => new Owners(c));

    /// <summary>Commits, and reads the answer.</summary>
    public async ValueTask<KeyState> CommitAsync(OwnerKeys keys, Transaction transaction, CancellationToken cancellationToken)
    {
        var answer = await Coordinator.CommitAsync(transaction, cancellationToken).ConfigureAwait(false);
        return new(keys, answer, Time.GetTimestamp());
    }

    public void Add(Hold hold) => _holds.TryAdd(hold, 0);

    public void Remove(Hold hold) => _holds.TryRemove(hold, out _);

    /// <summary>Gives everything up that is still held.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var hold in _holds.Keys)
        {
            hold.Lose("its client was disposed");
        }

        await Task.WhenAll(_holds.Keys.Select(h => h.ReleaseAsync())).ConfigureAwait(false);
    }
}
