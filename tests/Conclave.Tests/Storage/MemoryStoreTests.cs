using Conclave.Storage;

namespace Conclave.Tests.Storage;

public sealed class MemoryStoreTests
{
    [Fact]
    public async Task Disposing_ends_every_wait()
    {
        var store = new MemoryStore();
        var wait = store.WaitForChangeAsync("x", 0).AsTask();
        Assert.False(wait.IsCompleted);

        await store.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => wait.InTime());
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await store.CommitAsync(new()));
    }
}
