using Conclave.Sqlite;
using Conclave.Storage;

namespace Conclave.Tests.Sqlite;

public sealed class SqliteSharingTests : IDisposable
{
    private readonly SqliteFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Two_stores_over_one_file_see_each_others_changes()
    {
        await using var one = _folder.Open();
        await using var two = _folder.Open();
        long revision = await one.PutAsync("a", "1"u8.ToArray());
        var entry = await two.GetAsync("a");
        Assert.Equal(revision, entry!.Revision);
        Assert.Null(await two.TryPutAsync("a", default, expectedRevision: 0));
        Assert.Equal(revision + 1, await two.TryPutAsync("a", default, revision));
        Assert.Equal(revision + 1, (await one.GetAsync("a"))!.Revision);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_change_by_one_store_wakes_those_who_wait_in_another(bool polls)
    {
        await using var one = new SqliteStore(new SqliteStoreOptions { Path = _folder.File, PollsForChanges = polls });
        await using var two = _folder.Open();
        long seen = await one.PutAsync("warm", default);
        for (int i = 0; i < 20; i++)
        {
            var wait = one.WaitForChangeAsync("a/", seen).AsTask();
            await two.PutAsync($"a/{i}", default);
            seen = await wait.WaitAsync(SqliteFolder.Patience);
            while (await one.GetAsync($"a/{i}") is null)
            {
                // woken by the change before; at most the longest silence
                seen = await one.WaitForChangeAsync("a/", seen).AsTask().WaitAsync(SqliteFolder.Patience);
            }
        }
    }

    [Fact]
    public async Task Hints_between_stores_come_soon()
    {
        await using var one = _folder.Open();
        await using var two = _folder.Open();
        long seen = await two.PutAsync("a", default);
        long start = TimeProvider.System.GetTimestamp();
        for (int i = 0; i < 40; i++)
        {
            var wait = one.WaitForChangeAsync("a", seen).AsTask();
            seen = await two.PutAsync("a", default);
            await wait.WaitAsync(SqliteFolder.Patience);
        }

        // not a measurement: without hints every round would last the regular second
        Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task A_change_between_the_read_and_the_wait_is_not_missed()
    {
        await using var one = _folder.Open();
        await using var two = _folder.Open();
        long seen = await one.PutAsync("a", default);
        long changed = await two.PutAsync("a", default);
        Assert.True(one.WaitForChangeAsync("a", seen).AsTask().IsCompleted);
        var wait = one.WaitForChangeAsync("a", changed).AsTask();
        Assert.False(wait.IsCompleted);
        await two.DeleteAsync("a");
        Assert.True(await wait.WaitAsync(SqliteFolder.Patience) >= changed);
    }

    [Fact]
    public async Task A_quiet_prefix_sleeps_while_the_file_is_busy()
    {
        await using var one = _folder.Open();
        await using var two = _folder.Open();
        long seen = await one.PutAsync("quiet/a", default);
        var session = (await two.OpenSessionAsync(TimeSpan.FromSeconds(30))).Id;
        var wait = one.WaitForChangeAsync("quiet/", seen).AsTask();
        await SqliteFolder.Until(() => one.Feed.IsRunning);
        for (int i = 0; i < 3000 && !wait.IsCompleted; i++)
        {
            await two.PutAsync("busy", default, session);
        }

        // it may have ended by the longest silence on a very slow machine, but never by one of the changes
        Assert.True(!wait.IsCompleted || await wait > seen);
        Assert.True(one.Feed.Looks < 20_000);
        await two.PutAsync("quiet/a", default);
        await wait.WaitAsync(SqliteFolder.Patience);
    }

    [Fact]
    public async Task The_feed_ends_when_nobody_has_waited_for_a_while_and_the_next_wait_misses_nothing()
    {
        var time = new SteppedTime();
        await using var one = _folder.Open(time);
        await using var two = _folder.Open(time);
        long seen = await one.PutAsync("a", default);
        using var cancel = new CancellationTokenSource();
        var wait = one.WaitForChangeAsync("a", seen, cancel.Token).AsTask();
        Assert.True(one.Feed.IsRunning);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait);

        time.Advance(TimeSpan.FromSeconds(11));
        await SqliteFolder.Until(() => !one.Feed.IsRunning);
        await one.PutAsync("b", default);
        await two.PutAsync("a", default);

        await one.WaitForChangeAsync("a", seen).AsTask().WaitAsync(TimeSpan.FromSeconds(4));
    }

    [Fact]
    public void SQLite_gets_a_way_to_sleep_for_less_than_a_second() =>
        Assert.Equal((Vfs.Name, Vfs.Name), (Vfs.Register(), Vfs.Register()));

    [Fact]
    public async Task The_end_of_a_session_wakes_those_who_wait()
    {
        var time = new SteppedTime();
        await using var one = _folder.Open(time);
        await using var two = _folder.Open(time);
        var session = (await two.OpenSessionAsync(TimeSpan.FromSeconds(2))).Id;
        await two.PutAsync("held", default, session);
        var gone = SqliteFolder.UntilKey(one, "held", exists: false);
        await SqliteFolder.Until(() => one.Feed.IsRunning);
        time.Advance(TimeSpan.FromSeconds(3));
        await gone.WaitAsync(SqliteFolder.Patience);
        Assert.False(await two.RenewSessionAsync(session));
    }

    [Fact]
    public async Task A_session_lives_for_its_time_to_live_after_every_renewal()
    {
        var time = new SteppedTime();
        await using var store = _folder.Open(time);
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(10))).Id;
        await store.PutAsync("held", default, session);
        for (int i = 0; i < 5; i++)
        {
            time.Advance(TimeSpan.FromSeconds(9));
            Assert.True(await store.RenewSessionAsync(session));
        }

        Assert.NotNull(await store.GetAsync("held"));
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Null(await store.GetAsync("held"));
        Assert.False(await store.RenewSessionAsync(session));
    }

    [Fact]
    public async Task A_refused_commit_still_ends_the_sessions_that_are_due()
    {
        var time = new SteppedTime();
        await using var store = _folder.Open(time);
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(2))).Id;
        long held = await store.PutAsync("held", default, session);
        time.Advance(TimeSpan.FromSeconds(2));
        var refused = await store.CommitAsync(new Transaction(
            [Condition.Unchanged("held", held)], [Write.Put("other", default)], [Read.Get("held"), Read.Get("other")]));
        Assert.False(refused.Accepted);
        Assert.Empty(refused.Reads[0]);
        Assert.Empty(refused.Reads[1]);
        Assert.Equal(held + 1, refused.Revision);
    }

    [Fact]
    public async Task Ten_thousand_entries_of_a_session_go_in_one_revision()
    {
        await using var store = _folder.Open();
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(60))).Id;
        long last = 0;
        for (int i = 0; i < 10_000; i += 50)
        {
            var writes = Enumerable.Range(i, 50).Select(n => Write.Put($"held/{n}", default, session)).ToArray();
            last = (await store.CommitAsync(new Transaction(writes: writes))).Revision;
        }

        await store.CloseSessionAsync(session);
        var result = await store.CommitAsync(new Transaction(reads: [Read.Scan("")]));
        Assert.Empty(result.Reads[0]);
        Assert.Equal(last + 1, result.Revision);
    }

    [Fact]
    public async Task Eight_stores_that_hammer_one_file_never_hear_that_it_is_busy()
    {
        const int rounds = 150;
        var stores = Enumerable.Range(0, 8).Select(_ => _folder.Open()).ToArray();
        await stores[0].PutAsync("counter", BitConverter.GetBytes(0L));
        await Task.WhenAll(stores.Select((store, n) => Task.Run(async () =>
        {
            var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(60))).Id;
            for (int i = 0; i < rounds;)
            {
                await store.PutAsync($"own/{n}", default, session);
                var counter = (await store.GetAsync("counter"))!;
                long value = BitConverter.ToInt64(counter.Value.Span) + 1;
                i += await store.TryPutAsync("counter", BitConverter.GetBytes(value), counter.Revision) is null ? 0 : 1;
            }
        }))).WaitAsync(TimeSpan.FromSeconds(120));
        Assert.Equal(8 * rounds, BitConverter.ToInt64((await stores[0].GetAsync("counter"))!.Value.Span));
        foreach (var store in stores)
        {
            await store.DisposeAsync();
        }

        Assert.Equal(["store.db"], _folder.Names());
    }

    [Fact]
    public async Task A_writer_that_never_ends_is_reported_as_unavailable()
    {
        await using var store = new SqliteStore(new SqliteStoreOptions { Path = _folder.File, BusyTimeout = TimeSpan.FromMilliseconds(50) });
        await store.PutAsync("a", default);
        using (var stuck = Connection.Open(_folder.File))
        {
            Assert.True(stuck.TryBeginImmediate(durable: false));
            var e = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.PutAsync("a", default));
            Assert.Contains(_folder.File, e.Message, StringComparison.Ordinal);
            Assert.NotNull(await store.GetAsync("a"));
            using var cancel = new CancellationTokenSource();
            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await store.PutAsync("a", default, cancellationToken: cancel.Token));
        }

        await store.PutAsync("a", default);
    }
}
