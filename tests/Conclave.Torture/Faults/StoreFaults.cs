using Conclave.Storage;

namespace Conclave.Torture;

/// <summary>What an operator can do to any store, with a client of his own.</summary>
internal static class StoreFaults
{
    /// <summary>A session is ended by its id, as <c>etcdctl lease revoke</c> does: its holder learns of it with its next renewal.</summary>
    public const string EndedByHand = "session ended by hand";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <param name="operatorStore">The way to the servers, past all proxies.</param>
    /// <param name="random">For what is drawn.</param>
    /// <param name="raised">Hears of an epoch that was raised, once the store has confirmed it.</param>
    public static IEnumerable<Fault> Of(IStore operatorStore, Random random, Action<long> raised)
    {
        // what overlaps is judged by whether the holder learned of it: not beside faults that keep that from it
        yield return new(EndedByHand, TimeSpan.Zero, () => QuietlyAsync(limit => EndOneAsync(operatorStore, random, limit))) { IsSpecial = true };
        yield return new("epoch raised", TimeSpan.Zero, () => QuietlyAsync(async limit => raised(await RaiseAsync(operatorStore, limit)))) { IsHarmless = true };
    }

    private static async Task EndOneAsync(IStore store, Random random, CancellationToken limit)
    {
        var sessions = (await store.CommitAsync(new(reads: [Read.Scan("session/")]), limit)).Reads[0];
        if (sessions.Length > 0 && sessions[random.Next(sessions.Length)].Session is { } session)
        {
            await store.CloseSessionAsync(session, limit);
        }
    }

    private static async Task<long> RaiseAsync(IStore store, CancellationToken limit)
    {
        while (true)
        {
            var before = await store.GetAsync(StoreNames.EpochKey, limit);
            long epoch = (before is null ? 0 : StoreEpoch.Parse(before.Value.Span)) + 1;
            var must = before is null ? Condition.Absent(StoreNames.EpochKey) : Condition.Unchanged(StoreNames.EpochKey, before.Revision);
            if ((await store.CommitAsync(new([must], [Write.Put(StoreNames.EpochKey, StoreEpoch.ToValue(epoch))]), limit)).Accepted)
            {
                return epoch;
            }
        }
    }

    private static async Task QuietlyAsync(Func<CancellationToken, Task> act)
    {
        using var limit = new CancellationTokenSource(Patience, TimeProvider.System);
        try
        {
            await act(limit.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or ConclaveException { IsTransient: true })
        {
            // down: nothing was done, or nobody knows
        }
    }
}
