#pragma warning disable xUnit1031 // this test occupies its thread on purpose: what it awaited would need the pool that it blocks
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.Sessions;

[Collection(nameof(Alone))]
public sealed class RenewalStarvationTests
{
    [Fact]
    public void Renewals_go_out_while_every_thread_of_the_pool_is_blocked()
    {
        var store = new InterceptedStore(new MemoryStore());
        var client = new ConclaveClient(store, new() { SessionTimeToLive = TimeSpan.FromSeconds(2) });
        var claim = client.Lock("x").AcquireAsync().AsTask().GetAwaiter().GetResult();

        // not disposed: what the pool gets to late still waits on it
        var release = new ManualResetEventSlim();
        for (int i = 0; i < 500; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(_ => release.Wait(), null);
        }

        // more than three times the time to live, seen by the number of renewals and not by a clock
        bool renewed = SpinWait.SpinUntil(() => store.Renewals >= 10 || !claim.IsHeld, Eventually.Deadline);
        bool held = claim.IsHeld;
        release.Set();

        Assert.True(renewed && held, $"{store.Renewals} renewals");
        client.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
