using System.Collections.Concurrent;
using Conclave.Storage;

namespace Conclave.Tests.Storage;

/// <summary>The contract of <see cref="IStore"/>, line by line; every engine runs it. See docs/architecture.md, section 1.</summary>
public abstract class StoreContract : IAsyncLifetime
{
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(10);

    private readonly ManualTime _time = new();
    private IStore _store = null!;

    protected abstract IStore Create(TimeProvider time);

    protected virtual ValueTask CleanUpAsync() => ValueTask.CompletedTask;

    public ValueTask InitializeAsync()
    {
        _store = Create(_time);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await CleanUpAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_scan_after_a_put_sees_it_and_the_entries_of_one_commit_share_a_revision()
    {
        var result = await _store.CommitAsync(new(writes: [Write.Put("a/1", Bytes.Of("x")), Write.Put("a/2", Bytes.Of("y"))], reads: [Read.Scan("a/"), Read.Get("a/2")]));

        Assert.True(result.Accepted);
        Assert.Equal(["x", "y"], result.Reads[0].Select(e => e.Text()));
        Assert.All(result.Reads[0], e => Assert.Equal((result.Revision, result.Revision), (e.CreateRevision, e.Revision)));
        Assert.Equal("y", result.Get(1)!.Text());
    }

    [Fact]
    public async Task When_one_condition_fails_nothing_is_written_and_the_reads_are_answered()
    {
        long revision = await _store.PutAsync("a", Bytes.Of("1"));

        var refused = await _store.CommitAsync(new([Condition.Absent("b"), Condition.Absent("a")], [Write.Put("b", default), Write.Delete("a")], [Read.Get("a"), Read.Get("b")]));

        Assert.False(refused.Accepted);
        Assert.Equal(revision, refused.Get(0)!.Revision);
        Assert.Null(refused.Get(1));
        Assert.Null(await _store.TryPutAsync("a", default, expectedRevision: revision + 1));
        Assert.Null(await _store.TryPutAsync("a", default, expectedRevision: 0));
        Assert.True(await _store.TryPutAsync("a", default, expectedRevision: revision) > revision);
    }

    [Fact]
    public async Task A_put_keeps_the_create_revision_until_the_key_is_deleted()
    {
        long created = await _store.PutAsync("a", Bytes.Of("1"));
        long changed = await _store.PutAsync("a", Bytes.Of("1"));
        var entry = await _store.GetAsync("a");
        await _store.DeleteAsync("a");
        long again = await _store.PutAsync("a", Bytes.Of("1"));

        Assert.True(changed > created, "a put with equal bytes changes the revision");
        Assert.Equal((created, changed), (entry!.CreateRevision, entry.Revision));
        Assert.True(again > changed);
        Assert.Equal(again, (await _store.GetAsync("a"))!.CreateRevision);
    }

    [Fact]
    public async Task Deleting_what_is_absent_changes_nothing()
    {
        await _store.PutAsync("a", default);
        long before = (await _store.CommitAsync(new())).Revision;

        var deleted = await _store.CommitAsync(new(writes: [Write.Delete("b")]));

        Assert.True(deleted.Accepted);
        Assert.Equal(before, deleted.Revision);
    }

    [Fact]
    public async Task Keys_are_ordered_by_their_utf8_bytes()
    {
        string[] keys = ["k/\uFFFD", "k/\U00010000", "k/a", "k/B", "k/", "k/\uE000", "k/é"];
        foreach (string key in keys)
        {
            await _store.PutAsync(key, default);
        }

        await _store.PutAsync("k", default);
        await _store.PutAsync("k0", default);
        var scan = await _store.CommitAsync(new(reads: [Read.Scan("k/")]));

        Assert.Equal(["k/", "k/B", "k/a", "k/é", "k/\uE000", "k/\uFFFD", "k/\U00010000"], scan.Reads[0].Select(e => e.Key));
    }

    [Fact]
    public async Task A_prefix_may_end_in_the_last_character_there_is()
    {
        await _store.PutAsync("p\U0010FFFF", default);
        await _store.PutAsync("p\U0010FFFFz", default);
        await _store.PutAsync("q", default);

        var scan = await _store.CommitAsync(new(reads: [Read.Scan("p\U0010FFFF"), Read.Scan("")]));

        Assert.Equal(2, scan.Reads[0].Length);
        Assert.Equal(3, scan.Reads[1].Length);
    }

    [Fact]
    public async Task Pages_continue_where_the_last_one_ended()
    {
        for (int i = 0; i < 2500; i++)
        {
            await _store.PutAsync($"page/{i:D4}", default);
        }

        var keys = new List<string>();
        await foreach (var entry in _store.ScanAsync("page/"))
        {
            keys.Add(entry.Key);
        }

        Assert.Equal(Enumerable.Range(0, 2500).Select(i => $"page/{i:D4}"), keys);
        var scans = await _store.CommitAsync(new(reads: [Read.Scan("page/", "page/0003", 2), Read.Scan("page/", "a", 1), Read.Scan("page/", "page/9"), Read.Scan("page/", "z")]));
        Assert.Equal(["page/0004", "page/0005"], scans.Reads[0].Select(e => e.Key));
        Assert.Equal(["page/0000"], scans.Reads[1].Select(e => e.Key));
        Assert.Empty(scans.Reads[2]);
        Assert.Empty(scans.Reads[3]);
    }

    [Fact]
    public async Task The_largest_legal_transaction_is_applied()
    {
        var writes = Enumerable.Range(0, StoreLimits.MaxOperations - 1)
            .Select(i => Write.Put($"{i:D2}{new string('é', 511)}", new byte[4800]))
            .ToArray();

        var result = await _store.CommitAsync(new(writes: writes, reads: [Read.Scan("")]));

        Assert.Equal(StoreLimits.MaxOperations - 1, result.Reads[0].Length);
        Assert.All(result.Reads[0], e => Assert.Equal(4800, e.Value.Length));
    }

    [Fact]
    public async Task Closing_a_session_deletes_its_entries_in_one_step()
    {
        var session = (await _store.OpenSessionAsync(Ttl)).Id;
        await _store.PutAsync("s/1", default, session);
        await _store.PutAsync("s/2", default, session);
        long last = await _store.PutAsync("other", default);

        await _store.CloseSessionAsync(session);
        await _store.CloseSessionAsync(session);

        var after = await _store.CommitAsync(new(reads: [Read.Scan("")]));
        Assert.Equal(["other"], after.Reads[0].Select(e => e.Key));
        Assert.Equal(last + 1, after.Revision);
        Assert.False(await _store.RenewSessionAsync(session));
    }

    [Fact]
    public async Task An_entry_keeps_the_session_that_created_it()
    {
        var first = (await _store.OpenSessionAsync(Ttl)).Id;
        var second = (await _store.OpenSessionAsync(Ttl)).Id;
        await _store.PutAsync("bound", default, first);
        await _store.PutAsync("bound", Bytes.Of("2"), second);
        await _store.PutAsync("bound", Bytes.Of("3"));
        await _store.PutAsync("free", default);
        await _store.PutAsync("free", default, first);

        Assert.Equal(first, (await _store.GetAsync("bound"))!.Session);
        await _store.CloseSessionAsync(second);
        Assert.Equal("3", (await _store.GetAsync("bound"))!.Text());
        await _store.CloseSessionAsync(first);
        Assert.Null(await _store.GetAsync("bound"));
        Assert.NotNull(await _store.GetAsync("free"));
    }

    [Fact]
    public async Task A_put_with_a_dead_session_writes_nothing()
    {
        var session = (await _store.OpenSessionAsync(Ttl)).Id;
        await _store.CloseSessionAsync(session);

        await Assert.ThrowsAsync<SessionExpiredException>(async () =>
            await _store.CommitAsync(new(writes: [Write.Put("a", default), Write.Put("b", default, session)])));
        await Assert.ThrowsAsync<SessionExpiredException>(async () => await _store.PutAsync("c", default, new SessionId("never-was")));

        Assert.Empty((await _store.CommitAsync(new(reads: [Read.Scan("")]))).Reads[0]);
    }

    [Fact]
    public async Task A_session_expires_after_its_time_to_live_and_is_never_revived()
    {
        var session = (await _store.OpenSessionAsync(Ttl)).Id;
        await _store.PutAsync("s", default, session);
        _time.Advance(Ttl - TimeSpan.FromMilliseconds(1));
        Assert.True(await _store.RenewSessionAsync(session));
        _time.Advance(Ttl - TimeSpan.FromMilliseconds(1));
        Assert.NotNull(await _store.GetAsync("s"));

        _time.Advance(TimeSpan.FromMilliseconds(2));

        Assert.False(await _store.RenewSessionAsync(session));
        Assert.Null(await _store.GetAsync("s"));
        await Assert.ThrowsAsync<SessionExpiredException>(async () => await _store.PutAsync("s", default, session));
        Assert.Null(await _store.GetAsync("s"));
    }

    [Theory]
    [InlineData(-2)]
    [InlineData(-1)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_renewal_at_the_edge_either_lives_or_is_refused(int millisecondsFromTheEdge)
    {
        var session = (await _store.OpenSessionAsync(Ttl)).Id;
        await _store.PutAsync("s", default, session);

        _time.JumpWithoutTimers(Ttl + TimeSpan.FromMilliseconds(millisecondsFromTheEdge));
        bool alive = await _store.RenewSessionAsync(session);

        Assert.Equal(millisecondsFromTheEdge < 0, alive);
        Assert.Equal(alive, await _store.GetAsync("s") is not null);
    }

    [Fact]
    public async Task Session_ids_are_never_reused_and_times_to_live_have_limits()
    {
        var ids = new HashSet<SessionId>();
        for (int i = 0; i < 50; i++)
        {
            var grant = await _store.OpenSessionAsync(Ttl);
            Assert.True(ids.Add(grant.Id));
            Assert.True(grant.TimeToLive >= Ttl);
            Assert.All(grant.Id.Value, c => Assert.True(char.IsAsciiLetterOrDigit(c) || c == '-'));
            await _store.CloseSessionAsync(grant.Id);
        }

        foreach (var wrong in (TimeSpan[])[TimeSpan.Zero, TimeSpan.FromSeconds(-1), TimeSpan.FromSeconds(1.9), TimeSpan.FromMinutes(10.1), TimeSpan.FromDays(3650)])
        {
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await _store.OpenSessionAsync(wrong));
        }
    }

    [Fact]
    public async Task The_order_of_revisions_is_the_order_of_visibility()
    {
        const int writers = 16;
        const int rounds = 60;
        var acknowledged = new ConcurrentDictionary<string, long>();
        int snapshots = 0;
        using var done = new CancellationTokenSource();
        var reader = Task.Run(async () =>
        {
            long last = 0;
            while (!done.IsCancellationRequested)
            {
                var known = acknowledged.ToArray();
                var snapshot = await _store.CommitAsync(new(reads: [Read.Scan("w/")]));
                var seen = snapshot.Reads[0].ToDictionary(e => e.Key, e => e.Revision);
                Assert.True(snapshot.Revision >= last);
                Assert.All(seen.Values, r => Assert.True(r <= snapshot.Revision));
                Assert.All(known, k => Assert.True(seen[k.Key] >= k.Value, "an acknowledged write is not visible"));
                last = snapshot.Revision;
                Interlocked.Increment(ref snapshots);
                await Task.Yield();
            }
        });

        var revisions = new ConcurrentBag<long>();
        await Task.WhenAll(Enumerable.Range(0, writers).Select(w => Task.Run(async () =>
        {
            for (int i = 0; i < rounds || (Volatile.Read(ref snapshots) < 20 && !reader.IsCompleted); i++)
            {
                long revision = await _store.PutAsync($"w/{w}", default);
                revisions.Add(revision);
                acknowledged[$"w/{w}"] = revision;
            }
        })));
        await done.CancelAsync();

        await reader.InTime();
        Assert.True(snapshots >= 20);
        Assert.Equal(revisions.Count, revisions.Distinct().Count());
        Assert.True(revisions.Count >= writers * rounds);
    }

    [Fact]
    public async Task Conditions_make_a_counter_that_loses_nothing()
    {
        await _store.PutAsync("n", Bytes.Of("0"));
        int conflicts = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < 25; i++)
            {
                while (true)
                {
                    var entry = (await _store.GetAsync("n"))!;
                    await Task.Yield();
                    if (await _store.TryPutAsync("n", Bytes.Of($"{int.Parse(entry.Text(), null) + 1}"), entry.Revision) is not null)
                    {
                        break;
                    }

                    Interlocked.Increment(ref conflicts);
                }
            }
        })));

        Assert.Equal("200", (await _store.GetAsync("n"))!.Text());
    }

    [Fact]
    public async Task A_put_a_delete_and_the_end_of_a_session_wake_who_waits()
    {
        var session = (await _store.OpenSessionAsync(Ttl)).Id;
        long revision = (await _store.CommitAsync(new())).Revision;

        foreach (var change in (Func<Task>[])[
            async () => await _store.PutAsync("h/1", default, session),
            async () => await _store.PutAsync("h/1", default, session),
            async () => await _store.DeleteAsync("h/1"),
            async () => await _store.PutAsync("h/2", default, session),
            async () => await _store.CloseSessionAsync(session)])
        {
            var wait = _store.WaitForChangeAsync("h/", revision).AsTask();
            await change();
            long next = await wait.InTime();
            Assert.True(next > revision);
            revision = next;
        }
    }

    [Fact]
    public async Task A_change_between_the_read_and_the_wait_is_not_missed()
    {
        await _store.PutAsync("h", default);
        long revision = (await _store.CommitAsync(new(reads: [Read.Get("h")]))).Revision;
        await _store.DeleteAsync("h");

        Assert.True(await _store.WaitForChangeAsync("h", revision).InTime() > revision);
    }

    [Fact]
    public async Task The_expiry_of_a_session_wakes_who_waits()
    {
        var session = (await _store.OpenSessionAsync(Ttl)).Id;
        await _store.PutAsync("h", default, session);
        long revision = (await _store.CommitAsync(new())).Revision;

        while (await _store.GetAsync("h") is not null)
        {
            var wait = _store.WaitForChangeAsync("h", revision).AsTask();
            await Eventually.TrueAsync(_time, TimeSpan.FromMilliseconds(50), () => wait.IsCompleted);
            revision = await wait;
        }

        Assert.True(_time.GetElapsedTime(TimeSpan.TicksPerDay) >= Ttl);
    }

    [Fact]
    public async Task A_quiet_prefix_in_a_busy_namespace_is_left_in_peace()
    {
        await _store.PutAsync("quiet/gone", default);
        await _store.DeleteAsync("quiet/gone");
        long revision = (await _store.CommitAsync(new())).Revision;
        using var stop = new CancellationTokenSource();
        int wakeUps = 0;
        var waiter = Task.Run(async () =>
        {
            try
            {
                while (true)
                {
                    revision = await _store.WaitForChangeAsync("quiet/", revision, stop.Token);
                    wakeUps++;
                }
            }
            catch (OperationCanceledException)
            {
            }
        });

        for (int i = 0; i < 3000; i++)
        {
            await _store.PutAsync($"busy/{i % 10}", default);
        }

        await stop.CancelAsync();
        await waiter.InTime();
        Assert.InRange(wakeUps, 0, 5);
    }

    [Fact]
    public async Task A_wait_ends_after_the_longest_silence()
    {
        await _store.PutAsync("x", default);
        var wait = _store.WaitForChangeAsync("silent/", long.MaxValue - 1).AsTask();
        await Task.Yield();
        Assert.False(wait.IsCompleted);

        await Eventually.TrueAsync(_time, TimeSpan.FromMilliseconds(100), () => wait.IsCompleted);

        await wait;
    }

    [Fact]
    public async Task A_wait_is_cancelled_and_ends_when_the_store_is_disposed()
    {
        using var cancel = new CancellationTokenSource();
        var cancelled = _store.WaitForChangeAsync("x", long.MaxValue - 1, cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.InTime());

        var disposed = _store.WaitForChangeAsync("x", long.MaxValue - 1).AsTask();
        await _store.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => disposed.InTime());
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await _store.CommitAsync(new()));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await _store.OpenSessionAsync(Ttl));
        Assert.Equal(0, _time.ArmedTimers);
    }

    [Fact]
    public async Task A_cancelled_call_that_was_not_sent_applies_nothing()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await _store.PutAsync("a", default, cancellationToken: new CancellationToken(canceled: true)));
        Assert.Null(await _store.GetAsync("a"));
    }

    [Fact]
    public async Task Observing_a_prefix_delivers_fresh_snapshots()
    {
        using var stop = new CancellationTokenSource();
        var seen = new ConcurrentQueue<string>();
        var observer = Task.Run(async () =>
        {
            await foreach (var snapshot in _store.ObserveAsync("o/", stop.Token))
            {
                seen.Enqueue(string.Join(',', snapshot.Select(e => e.Key)));
            }
        });

        await Eventually.TrueAsync(() => seen.LastOrDefault() == "");
        await _store.PutAsync("o/1", default);
        await Eventually.TrueAsync(() => seen.LastOrDefault() == "o/1");
        await _store.PutAsync("o/2", default);
        await Eventually.TrueAsync(() => seen.LastOrDefault() == "o/1,o/2");
        await _store.DeleteAsync("o/1");
        await Eventually.TrueAsync(() => seen.LastOrDefault() == "o/2");

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => observer.InTime());
    }
}
