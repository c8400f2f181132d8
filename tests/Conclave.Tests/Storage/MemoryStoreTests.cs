using Conclave.Storage;

namespace Conclave.Tests.Storage;

public sealed class MemoryStoreTests : StoreContract
{
    protected override IStore Create(TimeProvider time) => new MemoryStore(time);
}
