using Conclave.Storage;

namespace Conclave.Tests.Claims;

public sealed class MemoryLockTests : LockContract
{
    private readonly MemoryStore _shared = new();

    private protected override IStore Connect() => new SharedStore(_shared);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _shared.DisposeAsync();
    }
}
