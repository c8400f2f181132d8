using Conclave.Storage;
using Conclave.Tests.Claims;

namespace Conclave.Tests.Sqlite;

public sealed class SqliteLockTests : LockContract
{
    private readonly SqliteFolder _folder = new();

    private protected override IStore Connect() => _folder.Open();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}
