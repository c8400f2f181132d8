using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.Claims;

/// <summary>What who waits does when nothing is heard for long: with whole queues, a thousand of them would read a million entries every few seconds.</summary>
public sealed class SilentWaitTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task It_looks_at_itself_and_at_the_one_before_it_and_at_the_queue_only_for_permits(bool permits)
    {
        var time = new ManualTimeProvider();
        await using var store = new MemoryStore(time);
        ConclaveOptions options = new() { LeaveStoreOpen = true, TimeProvider = time };
        await using var holder = new ConclaveClient(store, options);
        var claim = await AcquireAsync(holder);
        var ahead = new List<ConclaveClient>();
        var granted = new List<Task<Claim>>();
        for (int i = 0; i < 3; i++)
        {
            ahead.Add(new(store, options));
            granted.Add(AcquireAsync(ahead[i]));
            await QueuedAsync(i + 2);
        }

        var reads = new List<Read>();
        var watched = new InterceptedStore(store);
        await using var last = new ConclaveClient(watched, options);
        var waiting = AcquireAsync(last);
        await QueuedAsync(5);
        await Eventually.TrueAsync(() => watched.PendingWaits == 1);
        watched.OnCommit = (transaction, next) =>
        {
            reads.AddRange(transaction.Reads);
            return next();
        };

        for (int silences = 0; silences < 3; silences++)
        {
            int before = watched.Commits;
            time.Advance(store.Description.MaxSilence);
            await Eventually.TrueAsync(() => watched.Commits > before && watched.PendingWaits == 1);
        }

        // who waits for permits may be let in past one before it that is stopped
        Assert.Equal(6, reads.Count);
        Assert.Equal(permits ? 3 : 0, reads.Count(r => r.IsScan));

        // and notices, without a hint, that the one before it has left
        watched.IsDeaf = true;
        time.Advance(store.Description.MaxSilence);
        await Eventually.TrueAsync(() => watched.PendingWaits == 1);
        await claim.DisposeAsync();
        foreach (var turn in granted)
        {
            await (await turn.InTime()).DisposeAsync();
        }

        await Eventually.TrueAsync(time, TimeSpan.FromSeconds(1), () => waiting.IsCompleted);
        Assert.True((await waiting).IsHeld);
        await (await waiting).DisposeAsync();
        foreach (var client in ahead)
        {
            await client.DisposeAsync();
        }

        Task<Claim> AcquireAsync(ConclaveClient client) => permits ? client.Semaphore("x", 1).AcquireAsync().AsTask() : client.Lock("x").AcquireAsync().AsTask();

        Task QueuedAsync(int contenders) => Eventually.TrueAsync(async () =>
            (await store.CommitAsync(new(reads: [Read.Scan(permits ? "semaphore/" : "lock/")]))).Reads[0].Length == contenders);
    }
}
