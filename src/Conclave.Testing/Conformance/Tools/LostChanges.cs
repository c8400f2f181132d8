using System.Collections.Concurrent;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>Loses the answers of some changes of durable entries: applied, not applied, or applied late; and ends their session, if it is asked to.</summary>
internal sealed class LostChanges
{
    private readonly Lock _lock = new();
    private readonly ConcurrentQueue<Task> _late = [];
    private readonly ClaimRig _rig;
    private readonly RigClient[] _clients;
    private readonly Random _random;
    private readonly bool _sessionsEnd;
    private int _count;

    public LostChanges(ClaimRig rig, RigClient[] clients, bool sessionsEnd)
    {
        (_rig, _clients, _sessionsEnd, _random) = (rig, clients, sessionsEnd, new(rig.Harness.Seed));
        foreach (var client in clients)
        {
            client.Store.OnCommit = LoseAsync;
        }
    }

    /// <summary>How many answers were lost.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Loses no more, and waits until everything that was sent late has landed.</summary>
    public async Task EndAsync()
    {
        foreach (var client in _clients)
        {
            client.Store.Reset();
        }

        await Task.WhenAll(_late).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async ValueTask<CommitResult> LoseAsync(Transaction transaction, Func<ValueTask<CommitResult>> next)
    {
        int fate = InterceptedStore.IsJoin(transaction) ? Next(20) : int.MaxValue;
        if (fate > 3)
        {
            return await next().ConfigureAwait(false);
        }

        Interlocked.Increment(ref _count);
        if (fate < 2)
        {
            _ = fate == 0 ? await next().ConfigureAwait(false) : null;
        }

        if (_sessionsEnd && Next(2) == 0)
        {
            await _rig.Behind.CloseSessionAsync(transaction.Writes.First(w => w.Session is not null).Session!.Value).ConfigureAwait(false);
        }

        if (fate == 2)
        {
            int lateness = Next(20);
            _late.Enqueue(Task.Run(async () =>
            {
                await Task.Delay(TimeSpan.FromMilliseconds(lateness), TimeProvider.System).ConfigureAwait(false);
                try
                {
                    _ = await _rig.Behind.CommitAsync(transaction).ConfigureAwait(false);
                }
                catch (SessionExpiredException)
                {
                    // too late
                }
            }));
        }

        throw new OutcomeUnknownException("the connection was cut");
    }

    private int Next(int below)
    {
        lock (_lock)
        {
            return _random.Next(below);
        }
    }
}
