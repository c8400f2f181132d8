using Conclave.Sqlite;
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests;

/// <summary>One file in a folder of its own.</summary>
/// <param name="realTime">True to wait in real time, as a server makes the cases do.</param>
internal sealed class SqliteHarness(bool realTime = false) : StoreHarness
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("conclave-kit-");

    public override bool FollowsClock => !realTime;

    protected override IStore Open(TimeProvider time) =>
        new SqliteStore(new SqliteStoreOptions { Path = Path.Combine(_folder.FullName, "kit.db"), TimeProvider = time });

    protected override ValueTask CleanUpAsync()
    {
        _folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }
}
