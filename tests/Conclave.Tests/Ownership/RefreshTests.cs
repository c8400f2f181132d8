using Conclave.Ownership;
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.Owners;

public sealed class RefreshTests
{
    [Fact]
    public async Task In_the_last_millisecond_before_it_lapses_nobody_refreshes_without_end()
    {
        var time = new ManualTimeProvider();
        var store = new InterceptedStore(new MemoryStore(time));
        await using var client = new ConclaveClient(store, new() { TimeProvider = time });

        // it lapses between two milliseconds, as it does on a real clock
        var lasts = TimeSpan.FromMilliseconds(400) + TimeSpan.FromTicks(3333);
        await using var ownership = await client.Owner("o", new() { RefreshInterval = lasts }).OwnAsync("k", "me", TestContext.Current.CancellationToken);
        int attempts = 0;
        store.OnCommit = (_, next) => Interlocked.Increment(ref attempts) < 1000 ? throw new StoreUnavailableException("cut off") : next();

        time.Advance(lasts - TimeSpan.FromTicks(1));

        await Eventually.TrueAsync(() => Volatile.Read(ref attempts) >= 1);
        Assert.False(ownership.Lost.IsCancellationRequested);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await Eventually.TrueAsync(() => ownership.Lost.IsCancellationRequested);
        Assert.InRange(Volatile.Read(ref attempts), 1, 20);

        // the release shall get through, on a clock that stands still
        store.OnCommit = (_, next) => next();
    }
}
