using Conclave.Sqlite;
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Bugs;

/// <summary>One file in a folder of its own.</summary>
internal sealed class SqliteHarness : StoreHarness
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("conclave-bugs-");

    protected override IStore Open(TimeProvider time) =>
        new SqliteStore(new SqliteStoreOptions { Path = Path.Combine(_folder.FullName, "kit.db"), TimeProvider = time });

    protected override ValueTask CleanUpAsync()
    {
        _folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }
}
