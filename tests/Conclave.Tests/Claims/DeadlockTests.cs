using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.Claims;

/// <summary>Two locks taken one after the other, in opposite orders: what a <see cref="DistributedMultiLock"/> makes impossible.</summary>
public sealed class DeadlockTests
{
    [Fact]
    public async Task A_circle_of_waiters_can_be_read_from_outside_and_ends_with_the_first_timeout()
    {
        var time = new ManualTimeProvider();
        await using var store = new MemoryStore(time);
        await using var one = new ConclaveClient(store, new() { LeaveStoreOpen = true, TimeProvider = time, Label = "one" });
        await using var two = new ConclaveClient(store, new() { LeaveStoreOpen = true, TimeProvider = time, Label = "two" });
        var a = await one.Lock("a").AcquireAsync();
        var b = await two.Lock("b").AcquireAsync();
        var victim = one.Lock("b").AcquireAsync(TimeSpan.FromSeconds(3)).AsTask();
        var survivor = two.Lock("a").AcquireAsync().AsTask();
        await Eventually.TrueAsync(async () => await WhoAsync("a") == "one < two" && await WhoAsync("b") == "two < one");

        time.Advance(TimeSpan.FromSeconds(3));

        await Assert.ThrowsAsync<TimeoutException>(() => victim.InTime());
        Assert.False(survivor.IsCompleted);
        await a.DisposeAsync();
        await (await survivor.InTime()).DisposeAsync();
        await b.DisposeAsync();

        async Task<string> WhoAsync(string name)
        {
            var queue = await one.Lock(name).InspectAsync();
            return $"{queue.Holder?.Label} < {string.Join(' ', queue.Waiters.Select(w => w.Label))}";
        }
    }
}
