using Conclave.Sqlite;
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.Storage;

/// <summary>The kit, case by case, against every engine.</summary>
public sealed class ConformanceTests
{
    public static TheoryData<string> Cases => [.. StoreConformance.Cases.Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public Task Memory(string name) => RunAsync(name, new MemoryHarness());

    [Theory]
    [MemberData(nameof(Cases))]
    public Task Sqlite(string name) => RunAsync(name, new SqliteHarness());

    private static async Task RunAsync(string name, StoreHarness harness)
    {
        await using (harness)
        {
            await StoreConformance.Cases.Single(c => c.Name == name).RunAsync(harness).WaitAsync(TimeSpan.FromMinutes(1));
        }
    }

    private sealed class SqliteHarness : StoreHarness
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("conclave-kit-");

        protected override IStore Open(TimeProvider time) =>
            new SqliteStore(new SqliteStoreOptions { Path = Path.Combine(_folder.FullName, "kit.db"), TimeProvider = time });

        protected override ValueTask CleanUpAsync()
        {
            _folder.Delete(recursive: true);
            return ValueTask.CompletedTask;
        }
    }
}
