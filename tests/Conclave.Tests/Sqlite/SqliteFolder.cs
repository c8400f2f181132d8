using System.Text;
using Conclave.Sqlite;
using Conclave.Storage;
using SQLitePCL;

namespace Conclave.Tests.Sqlite;

/// <summary>A directory of its own for one test, with the helpers that all SQLite tests need.</summary>
internal sealed class SqliteFolder : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public string Root { get; } = Directory.CreateTempSubdirectory("conclave-sqlite-").FullName;

    public string File => In("store.db");

    public string In(string name) => Path.Combine(Root, name);

    public SqliteStore Open() => new(File);

    public SqliteStore Open(TimeProvider time) => new(new SqliteStoreOptions { Path = File, TimeProvider = time });

    public string[] Names() => [.. Directory.GetFiles(Root).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    public string[] LivenessFiles() => [.. Names().Where(n => n.StartsWith("store.db-live-", StringComparison.Ordinal))];

    public static async Task<string?> Text(IStore store, string key) =>
        await store.GetAsync(key) is { } entry ? Encoding.UTF8.GetString(entry.Value.Span) : null;

    /// <summary>The paths of the open descriptors of this process.</summary>
    public static string[] Handles() =>
        [.. Directory.GetFileSystemEntries("/proc/self/fd").Select(f => new FileInfo(f).LinkTarget ?? "")];

    /// <summary>Runs SQL on a file, past the store.</summary>
    public static void Execute(string path, params string[] statements)
    {
        Batteries_V2.Init();
        Assert.Equal(raw.SQLITE_OK, raw.sqlite3_open(path, out var db));
        using (db)
        {
            foreach (string statement in statements)
            {
                Assert.True(raw.sqlite3_exec(db, statement) == raw.SQLITE_OK, raw.sqlite3_errmsg(db).utf8_to_string());
            }
        }
    }

    public static async Task Until(Func<bool> condition)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < Patience, "The condition never came true.");
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        }
    }

    /// <summary>Waits for hints until a key is there or gone.</summary>
    public static async Task UntilKey(IStore store, string key, bool exists)
    {
        using var patience = new CancellationTokenSource(Patience, TimeProvider.System);
        while (true)
        {
            var result = await store.CommitAsync(new Transaction(reads: [Read.Get(key)]), patience.Token);
            if (result.Get(0) is null != exists)
            {
                return;
            }

            await store.WaitForChangeAsync(key, result.Revision, patience.Token);
        }
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);
}

/// <summary>A boot clock that tests move.</summary>
internal sealed class SteppedTime : TimeProvider
{
    private static readonly BootTimeProvider Boot = new();
    private long _offset;

    public override long TimestampFrequency => Boot.TimestampFrequency;

    public override long GetTimestamp() => Boot.GetTimestamp() + Volatile.Read(ref _offset);

    public void Advance(TimeSpan by) => Interlocked.Add(ref _offset, by.Ticks * 100);
}
