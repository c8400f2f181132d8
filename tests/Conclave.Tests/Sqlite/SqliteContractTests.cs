using Conclave.Sqlite;
using Conclave.Storage;
using Conclave.Tests.Claims;
using Conclave.Tests.Storage;

namespace Conclave.Tests.Sqlite;

public sealed class SqliteStoreContractTests : StoreContract
{
    private readonly SqliteFolder _folder = new();

    protected override IStore Create(TimeProvider time) => new SqliteStore(new SqliteStoreOptions { Path = _folder.In("contract.db"), TimeProvider = time });

    protected override ValueTask CleanUpAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}

public sealed class SqliteLockTests : LockContract
{
    private readonly SqliteFolder _folder = new();

    private protected override IStore Connect() => new SqliteStore(_folder.In("lock.db"));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}
