using Conclave.Sqlite;
using Conclave.Storage;

namespace Conclave.Tests.Sqlite;

public sealed class SqliteIncarnationTests : IDisposable
{
    private static readonly Incarnation Monday = new("boot-1", "time:[1]");
    private static readonly Incarnation Tuesday = new("boot-2", "time:[2]");
    private readonly SqliteFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_reboot_ends_all_sessions_raises_the_epoch_and_keeps_what_is_durable()
    {
        SessionId session;
        long before;
        await using (var crashed = Open(Monday))
        {
            await crashed.PutAsync("durable", "1"u8.ToArray());
            session = (await crashed.OpenSessionAsync(TimeSpan.FromMinutes(10))).Id;
            before = await crashed.PutAsync("held", "2"u8.ToArray(), session);
            Copy(_folder.File, _folder.In("copy.db"));
        }

        await using var store = Open(Tuesday, "copy.db");
        Assert.Null(await store.GetAsync("held"));
        Assert.Equal("1", await SqliteFolder.Text(store, "durable"));
        Assert.Equal("1", await SqliteFolder.Text(store, StoreNames.EpochKey));
        Assert.False(await store.RenewSessionAsync(session));
        await Assert.ThrowsAsync<SessionExpiredException>(async () => await store.PutAsync("held", default, session));

        // revisions that a power loss took are never given again
        Assert.True((await store.GetAsync(StoreNames.EpochKey))!.Revision >= before + (1 << 24));
        Assert.Null((await store.GetAsync(StoreNames.EpochKey))!.Session);
    }

    [Fact]
    public async Task Every_reboot_raises_the_epoch_by_one_and_only_the_first_process_after_it_does_so()
    {
        string[] boots = ["a", "b", "c", "d"];
        foreach (string boot in boots)
        {
            var stores = Enumerable.Range(0, 4).Select(_ => Open(new(boot, "none"))).ToArray();
            await Task.WhenAll(stores.Select(s => Task.Run(async () => await s.PutAsync("a", default))));
            foreach (var opened in stores)
            {
                await opened.DisposeAsync();
            }
        }

        await using var store = Open(new("d", "none"));
        Assert.Equal("3", await SqliteFolder.Text(store, StoreNames.EpochKey));
    }

    [Fact]
    public async Task The_same_boot_changes_nothing()
    {
        await using (var first = Open(Monday))
        {
            await first.PutAsync("a", default);
        }

        await using var second = Open(Monday);
        Assert.Null(await second.GetAsync(StoreNames.EpochKey));
    }

    [Fact]
    public async Task Another_time_namespace_of_the_same_boot_is_refused()
    {
        await using var first = Open(Monday);
        await first.PutAsync("a", default);
        await using var second = Open(Monday with { TimeNamespace = "time:[9]" });
        var e = await Assert.ThrowsAsync<StoreConfigurationException>(async () => await second.GetAsync("a"));
        Assert.Contains("time namespace", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_a_restored_backup_tokens_are_given_a_second_time_until_the_epoch_is_raised()
    {
        await TokenAfterAsync(locks: 3);
        File.Copy(_folder.File, _folder.In("backup"));
        var last = await TokenAfterAsync(locks: 50);

        // nobody can tell that this is not what was there all the time
        File.Copy(_folder.In("backup"), _folder.File, overwrite: true);
        Assert.True(await TokenAfterAsync(locks: 1) < last);

        File.Copy(_folder.In("backup"), _folder.File, overwrite: true);
        await using (var store = _folder.Open())
        {
            await store.PutAsync(StoreNames.EpochKey, StoreEpoch.ToValue(1));
        }

        Assert.True(await TokenAfterAsync(locks: 1) > last);

        async Task<FencingToken> TokenAfterAsync(int locks)
        {
            await using var client = new ConclaveClient(_folder.Open());
            FencingToken token = default;
            for (int i = 0; i < locks; i++)
            {
                await using var claim = await client.Lock("x").AcquireAsync();
                token = claim.Token;
            }

            return token;
        }
    }

    [Fact]
    public void This_boot_has_an_id()
    {
        var current = Incarnation.Current();
        Assert.NotEmpty(current.Boot);
        Assert.Equal(current, Incarnation.Current());
        Assert.Equal(current, Incarnation.Parse(current.ToString()));
    }

    private SqliteStore Open(Incarnation incarnation, string name = "store.db") =>
        new(new SqliteStoreOptions { Path = _folder.In(name), Incarnation = incarnation });

    // by another process, because closing a descriptor of the file here would drop the locks of the store
    private static void Copy(string from, string to)
    {
        foreach (string suffix in new[] { "", "-wal" })
        {
            using var copy = System.Diagnostics.Process.Start("cp", [from + suffix, to + suffix]);
            copy.WaitForExit();
            Assert.Equal(0, copy.ExitCode);
        }
    }
}
