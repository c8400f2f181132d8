using System.Runtime.Versioning;
using System.Text;
using Conclave.Sqlite;
using Conclave.Storage;

namespace Conclave.Tests.Sqlite;

[UnsupportedOSPlatform("windows")]
public sealed class SqliteFileTests : IDisposable
{
    private readonly SqliteFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_constructor_touches_nothing_and_the_first_use_creates_the_file_for_its_owner_only()
    {
        await using var store = _folder.Open();
        Assert.Empty(_folder.Names());

        Assert.Null(await store.GetAsync("a"));

        Assert.Contains("store.db", _folder.Names());
        Assert.DoesNotContain(_folder.Names(), n => n.Contains("-new-", StringComparison.Ordinal));
        foreach (string file in Directory.GetFiles(_folder.Root))
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }
    }

    [Fact]
    public async Task The_permissions_of_a_new_file_can_be_chosen()
    {
        const UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;
        await using var store = new SqliteStore(new SqliteStoreOptions { Path = _folder.File, FileMode = mode });
        await store.OpenSessionAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(mode, File.GetUnixFileMode(_folder.File));
        Assert.Equal(mode, File.GetUnixFileMode(_folder.File + "-wal"));
    }

    [Fact]
    public async Task The_description_says_what_the_engine_guarantees()
    {
        await using var store = _folder.Open();
        Assert.Equal("sqlite", store.Description.Engine);
        Assert.Equal(_folder.File, store.Description.Address);
        Assert.Equal(StoreReach.Machine, store.Description.Reach);
        Assert.Equal(StoreDurability.DurableEntries, store.Description.Durability);
        Assert.Equal(ExpiryClock.Monotonic, store.Description.ExpiryClock);
        Assert.NotNull(store.Description.EndsSessionsEarly);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("This is a text file, and no database at all.\n")]
    public async Task A_text_file_is_refused_and_stays_as_it_is(string text)
    {
        text = string.Concat(Enumerable.Repeat(text, 50));
        File.WriteAllText(_folder.File, text);
        await Refused<StoreFormatException>(_folder.File, "not an SQLite database");
        Assert.Equal(text, File.ReadAllText(_folder.File));
    }

    [Fact]
    public async Task A_database_of_another_application_is_refused_and_stays_as_it_is()
    {
        SqliteFolder.Execute(_folder.File, "CREATE TABLE bread(flour TEXT)");
        byte[] before = File.ReadAllBytes(_folder.File);
        await Refused<StoreFormatException>(_folder.File, "another application");
        Assert.Equal(before, File.ReadAllBytes(_folder.File));
        Assert.Equal(["store.db"], _folder.Names());
    }

    [Fact]
    public async Task A_newer_format_is_refused()
    {
        await MakeStore();
        SqliteFolder.Execute(_folder.File, "PRAGMA user_version=2");
        await Refused<StoreFormatException>(_folder.File, "upgrade");
    }

    [Fact]
    public async Task A_damaged_file_is_refused()
    {
        await MakeStore();
        byte[] bytes = File.ReadAllBytes(_folder.File);
        Random.Shared.NextBytes(bytes.AsSpan(100));
        bytes[100] = 0xEE;
        File.WriteAllBytes(_folder.File, bytes);
        await Refused<StoreFormatException>(_folder.File, "restore");
    }

    [Fact]
    public async Task A_store_without_its_tables_is_refused()
    {
        await MakeStore();
        SqliteFolder.Execute(_folder.File, "DROP TABLE journal");
        await Refused<StoreFormatException>(_folder.File, "tables");
    }

    [Fact]
    public async Task A_directory_is_refused() => await Refused<StoreConfigurationException>(_folder.Root, "is a directory");

    [Fact]
    public async Task A_missing_directory_is_refused_until_it_is_there()
    {
        string path = _folder.In("missing/store.db");
        await using var store = new SqliteStore(path);
        var e = await Assert.ThrowsAsync<StoreConfigurationException>(async () => await store.GetAsync("a"));
        Assert.True(e.CannotCreate);
        Assert.Contains(path, e.Message, StringComparison.Ordinal);

        Directory.CreateDirectory(_folder.In("missing"));
        Assert.Null(await store.GetAsync("a"));
    }

    [Fact]
    public async Task A_file_in_the_place_of_the_directory_is_refused()
    {
        File.WriteAllText(_folder.In("file"), "");
        var e = await Refused<StoreConfigurationException>(_folder.In("file/store.db"), "is a file");
        Assert.True(e.CannotCreate);
    }

    [Fact]
    public async Task A_directory_where_nobody_may_create_files_is_refused()
    {
        var e = await Refused<StoreConfigurationException>("/proc/self/store.db", "cannot be created");
        Assert.True(e.CannotCreate);
    }

    [Fact]
    public async Task A_file_that_cannot_be_opened_is_an_access_error()
    {
        // nobody may write there, not even root
        await Refused<StoreAccessException>("/proc/version", "permissions");
    }

    [Fact]
    public async Task A_symbolic_link_leads_to_the_same_store()
    {
        await using var store = _folder.Open();
        await store.PutAsync("a", "1"u8.ToArray());
        string other = Directory.CreateDirectory(_folder.In("other")).FullName;
        File.CreateSymbolicLink(Path.Combine(other, "link.db"), _folder.File);
        await using var linked = new SqliteStore(Path.Combine(other, "link.db"));

        Assert.NotNull(await linked.GetAsync("a"));
        await linked.OpenSessionAsync(TimeSpan.FromSeconds(5));
        Assert.Single(_folder.LivenessFiles());
        Assert.Single(Directory.GetFiles(other));
    }

    [Fact]
    public async Task A_failed_first_use_leaves_no_open_handle()
    {
        File.WriteAllText(_folder.File, new string('x', 5000));
        await Refused<StoreFormatException>(_folder.File, "");
        Assert.DoesNotContain(SqliteFolder.Handles(), h => h.StartsWith(_folder.Root, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Twenty_stores_may_create_one_file_at_the_same_time()
    {
        var stores = Enumerable.Range(0, 20).Select(_ => _folder.Open()).ToArray();
        await Task.WhenAll(stores.Select((s, i) => Task.Run(async () => await s.PutAsync($"key/{i}", new byte[] { 1 }))));
        Assert.Equal(20, (await stores[0].CommitAsync(new Transaction(reads: [Read.Scan("key/")]))).Reads[0].Length);
        foreach (var store in stores)
        {
            await store.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_catalog_makes_stores_from_uris()
    {
        var catalog = new StoreCatalog().AddSqlite();
        await using (var store = catalog.Create(StoreUri.Parse($"sqlite:{_folder.File}")))
        {
            Assert.Equal(_folder.File, store.Description.Address);
        }

        await using (var store = catalog.Create(StoreUri.Parse($"sqlite://{_folder.File}")))
        {
            Assert.Equal(_folder.File, store.Description.Address);
        }

        Assert.Throws<StoreConfigurationException>(() => catalog.Create(StoreUri.Parse("sqlite://host/a.db")));
        Assert.Throws<StoreConfigurationException>(() => catalog.Create(StoreUri.Parse("sqlite:a.db?cache=shared")));
        Assert.Throws<StoreConfigurationException>(() => catalog.Create(StoreUri.Parse("sqlite:")));
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new SqliteStore(""));
        Assert.Throws<ArgumentException>(() => new SqliteStore("a\0b"));
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            new SqliteStore(new SqliteStoreOptions { Path = "a", BusyTimeout = TimeSpan.FromHours(1) }));
    }

    [Fact]
    public async Task Keys_and_values_come_back_as_they_were_put()
    {
        await using var store = _folder.Open();
        string[] keys = ["\uFFFD", "\U00010000", "a", "a/b", "ab", "ä", new string('x', 1024), "a b"];
        foreach (string key in keys)
        {
            await store.PutAsync("k/" + key[..Math.Min(key.Length, 1000)], Encoding.UTF8.GetBytes(key));
        }

        await store.PutAsync("empty", default);
        Assert.True((await store.GetAsync("empty"))!.Value.IsEmpty);
        await store.PutAsync("large", new byte[300_000]);
        Assert.Equal(300_000, (await store.GetAsync("large"))!.Value.Length);

        var found = (await store.CommitAsync(new Transaction(reads: [Read.Scan("k/")]))).Reads[0];
        Assert.Equal(keys.Length, found.Length);
        Assert.Equal(found.Select(e => e.Key).Order(KeyOrder.Instance), found.Select(e => e.Key));
        var all = (await store.CommitAsync(new Transaction(reads: [Read.Scan(""), Read.Scan("", "k/a", 2), Read.Scan("k/", "a"), Read.Scan("k/", "z")]))).Reads;
        Assert.Equal(keys.Length + 2, all[0].Length);
        Assert.Equal(["k/a b", "k/a/b"], all[1].Select(e => e.Key));
        Assert.Equal(keys.Length, all[2].Length);
        Assert.Empty(all[3]);
    }

    private async Task MakeStore()
    {
        await using var store = _folder.Open();
        await store.PutAsync("a", "1"u8.ToArray());
    }

    private static async Task<T> Refused<T>(string path, string part)
        where T : ConclaveException
    {
        await using var store = new SqliteStore(path);
        var e = await Assert.ThrowsAsync<T>(async () => await store.PutAsync("a", default));
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
        return e;
    }
}
