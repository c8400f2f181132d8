using Conclave.Sqlite;
using Conclave.Storage;

namespace Conclave.Tests.Sqlite;

public sealed class SqliteLifetimeTests : IDisposable
{
    private readonly SqliteFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_has_no_session_survives_and_what_has_one_does_not()
    {
        long last;
        await using (var store = _folder.Open())
        {
            var session = (await store.OpenSessionAsync(TimeSpan.FromMinutes(10))).Id;
            await store.PutAsync("durable", "1"u8.ToArray());
            last = await store.PutAsync("held", default, session);
        }

        await using var again = _folder.Open();
        Assert.Equal("1", await SqliteFolder.Text(again, "durable"));
        Assert.Null(await again.GetAsync("held"));
        Assert.True(await again.PutAsync("durable", default) > last);
    }

    [Fact]
    public async Task Revisions_grow_over_reopening_and_pruning_and_the_journal_stays_small()
    {
        long last = 0;
        SessionId session;
        for (int round = 0; round < 3; round++)
        {
            await using var store = _folder.Open();
            session = (await store.OpenSessionAsync(TimeSpan.FromMinutes(10))).Id;
            for (int i = 0; i < 1500; i++)
            {
                long revision = await store.PutAsync("a", default, session);
                Assert.True(revision > last);
                last = revision;
            }

            await store.DeleteAsync("a");
        }

        using var connection = Connection.Open(_folder.File);
        Assert.InRange(int.Parse(connection.Execute("SELECT count(*) FROM journal")!, System.Globalization.CultureInfo.InvariantCulture),
            1, Journal.Kept + 256);
    }

    [Fact]
    public async Task Somebody_who_read_before_the_journal_was_pruned_is_woken_at_once()
    {
        await using var one = _folder.Open();
        await using var two = _folder.Open();
        long seen = await one.PutAsync("a", default);
        var session = (await two.OpenSessionAsync(TimeSpan.FromMinutes(10))).Id;
        await two.PutAsync("a", default);
        long last = 0;
        for (int i = 0; i < 3000; i++)
        {
            last = await two.PutAsync("b", default, session);
        }

        Assert.True(await one.WaitForChangeAsync("a", seen).AsTask().WaitAsync(TimeSpan.FromSeconds(4)) >= last);
        Assert.False(one.WaitForChangeAsync("a", last).AsTask().IsCompleted);
    }

    [Fact]
    public async Task Deleting_what_is_absent_and_ending_a_session_without_entries_make_no_revision()
    {
        await using var store = _folder.Open();
        long revision = await store.PutAsync("a", default);
        await store.DeleteAsync("b");
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(5))).Id;
        await store.CloseSessionAsync(session);
        await store.CloseSessionAsync(session);
        Assert.Equal(revision, (await store.CommitAsync(new Transaction(reads: [Read.Get("a")]))).Revision);
        await Assert.ThrowsAsync<SessionExpiredException>(async () => await store.PutAsync("a", default, session));
    }

    [Fact]
    public async Task The_session_of_an_entry_is_fixed_by_the_put_that_created_it()
    {
        await using var store = _folder.Open();
        var one = (await store.OpenSessionAsync(TimeSpan.FromSeconds(5))).Id;
        var two = (await store.OpenSessionAsync(TimeSpan.FromSeconds(5))).Id;
        await store.PutAsync("durable", default);
        await store.PutAsync("durable", "2"u8.ToArray(), one);
        await store.PutAsync("held", default, one);
        await store.PutAsync("held", default, two);
        await store.PutAsync("held", default);
        Assert.Equal(one, (await store.GetAsync("held"))!.Session);
        await store.CloseSessionAsync(one);
        Assert.Null(await store.GetAsync("held"));
        Assert.Null((await store.GetAsync("durable"))!.Session);
    }

    [Fact]
    public async Task Dispose_ends_waits_and_later_calls_and_leaves_no_handle()
    {
        var store = _folder.Open();
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(5))).Id;
        long seen = await store.PutAsync("a", default, session);
        var wait = store.WaitForChangeAsync("quiet", seen).AsTask();
        await store.DisposeAsync();
        await store.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => wait.WaitAsync(SqliteFolder.Patience));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await store.GetAsync("a"));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await store.RenewSessionAsync(session));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await store.WaitForChangeAsync("a", 0));
        Assert.DoesNotContain(SqliteFolder.Handles(), h => h.StartsWith(_folder.Root, StringComparison.Ordinal));
        Assert.Equal(["store.db"], _folder.Names());
    }

    [Fact]
    public async Task Calls_that_came_before_dispose_end_first()
    {
        var store = _folder.Open();
        await store.GetAsync("a");
        var calls = Enumerable.Range(0, 50).Select(i => Task.Run(async () => await store.PutAsync($"a/{i}", default))).ToArray();
        await calls[0];
        await store.DisposeAsync();
        int done = 0;
        foreach (var call in calls)
        {
            try
            {
                await call;
                done++;
            }
            catch (ObjectDisposedException)
            {
                // came later
            }
        }

        await using var again = _folder.Open();
        Assert.Equal(done, (await again.CommitAsync(new Transaction(reads: [Read.Scan("a/")]))).Reads[0].Length);
    }

    [Fact]
    public async Task A_store_that_was_never_used_disposes_without_a_trace()
    {
        await _folder.Open().DisposeAsync();
        Assert.Empty(_folder.Names());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_file_that_is_replaced_or_deleted_loses_its_sessions(bool replaced)
    {
        await using var store = _folder.Open();
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(60))).Id;
        await store.PutAsync("held", default, session);
        File.Move(_folder.File, _folder.In("elsewhere.db"));
        if (replaced)
        {
            File.Create(_folder.In("new.db")).Dispose();
            File.Move(_folder.In("new.db"), _folder.File);
        }

        Assert.False(await store.RenewSessionAsync(session));
        Assert.False(await store.RenewSessionAsync(session));
        var e = await Assert.ThrowsAsync<StoreFormatException>(async () => await store.GetAsync("held"));
        Assert.Contains("replaced or deleted", e.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<StoreFormatException>(async () => await store.WaitForChangeAsync("a", 0));
    }

    [Fact]
    public async Task A_full_disk_is_unavailable_and_writes_nothing()
    {
        var hints = new ChangeHints(TimeProvider.System, TimeSpan.FromSeconds(5));
        var options = new SqliteStoreOptions { Path = _folder.File };
        await using var access = new StoreAccess(_folder.File, options, new BootTimeProvider(), hints);
        await access.RunAsync(
            static (StoreFile file, int pages, out bool done) =>
            {
                file.LimitPages(pages);
                return done = true;
            },
            40,
            default);
        var large = new Transaction(writes: [Write.Put("large", new byte[300_000])]);
        var small = new Transaction(writes: [Write.Put("small", default)], reads: [Read.Scan("")]);
        Attempt<Transaction, CommitResult?> commit = static (StoreFile file, Transaction t, out CommitResult? r) => file.TryCommit(t, out r);
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await access.RunAsync(commit, large, default));
        Assert.Contains("full", e.Message, StringComparison.Ordinal);
        var result = await access.RunAsync(commit, small, default);
        Assert.Equal("small", Assert.Single(result!.Reads[0]).Key);
        Assert.Equal(1, result.Revision);
    }
}
