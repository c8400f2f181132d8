using System.Collections.Concurrent;
using System.Text;
using Conclave.Samples.Tools;
using Conclave.Storage;

namespace Conclave.Samples.Tests;

/// <summary>The code of docs/tools does what its page says.</summary>
public sealed class SnippetTests : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly ConclaveClient _client = new(new MemoryStore());

    public ValueTask DisposeAsync() => _client.DisposeAsync();

    [Fact]
    public async Task Locks_run_their_work()
    {
        long token = 0;
        bool isFree = true;
        await Snippets.LockAsync(
            _client,
            async (given, lost) =>
            {
                token = given;
                isFree = await _client.Lock("invoices/2026-11").TryAcquireAsync(cancellationToken: lost) is not null || lost.IsCancellationRequested;
            },
            default);
        Assert.True(token > 0 && !isFree);

        bool cleaned = false;
        Assert.True(await Snippets.TryLockAsync(_client, async () => cleaned = !await Snippets.TryLockAsync(_client, () => throw new InvalidOperationException())));
        Assert.True(cleaned);
        await Snippets.MultiLockAsync(_client, "b", "a", async lost => Assert.Null(await _client.Lock("account/a").TryAcquireAsync(cancellationToken: lost)));
    }

    [Fact]
    public async Task Readers_writers_and_permits_run_their_work()
    {
        var seen = new List<string>();
        await Snippets.ReaderWriterLockAsync(
            _client,
            async () => seen.Add(await _client.ReaderWriterLock("catalog").TryAcquireWriteAsync() is null ? "read" : ""),
            async () => seen.Add(await _client.ReaderWriterLock("catalog").TryAcquireReadAsync() is null ? "written" : ""));
        Assert.Equal(["read", "written"], seen);

        int inside = 0;
        int most = 0;
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Snippets.SemaphoreAsync(_client, async _ =>
        {
            int now = Interlocked.Increment(ref inside);
            lock (seen)
            {
                most = Math.Max(most, now);
            }

            await Task.Yield();
            Interlocked.Decrement(ref inside);
        }))).WaitAsync(Deadline);
        Assert.InRange(most, 1, 5);
    }

    [Fact]
    public async Task A_leader_leads_and_is_known()
    {
        await Snippets.ElectionAsync(_client, "here:80", async lead => Assert.Equal("here:80", await Snippets.LeaderAsync(_client, lead)), default).WaitAsync(Deadline);
        Assert.Null(await _client.Election("scheduler").GetLeaderAsync());
    }

    [Fact]
    public async Task A_group_tells_who_is_there()
    {
        using var stop = new CancellationTokenSource();
        var told = new ConcurrentQueue<string>();
        var watching = Snippets.GroupAsync(_client, "me", text => { told.Enqueue(text); stop.Cancel(); }, stop.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watching.WaitAsync(Deadline));
        Assert.Equal(["Joined me"], told);
    }

    [Fact]
    public async Task Barriers_countdowns_and_counters_count()
    {
        int[] steps = new int[3];
        await Task.WhenAll(Enumerable.Range(0, 3).Select(me => Snippets.BarrierAsync(_client, step =>
        {
            steps[me] = step;
            Assert.All(steps, other => Assert.InRange(other, step - 1, step + 1));
            return Task.CompletedTask;
        }))).WaitAsync(Deadline);

        int published = 0;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Snippets.CountdownAsync(_client, () => Task.CompletedTask, () => Task.FromResult(Interlocked.Increment(ref published)))))
            .WaitAsync(Deadline);
        Assert.Equal(4, published);
        Assert.Equal((1, 2), (await Snippets.CounterAsync(_client), await Snippets.CounterAsync(_client)));
        Assert.Equal("2", Encoding.UTF8.GetString((await _client.Store.GetAsync("counter/invoice-number/value"))!.Value.Span));
    }

    [Fact]
    public async Task An_owner_merges_while_another_waits_or_does_without()
    {
        var order = new ConcurrentQueue<string>();
        var second = Task.CompletedTask;
        await Snippets.OwnershipAsync(
            _client, "one",
            () =>
            {
                second = Snippets.TryOwnershipAsync(_client, "two", () => { order.Enqueue("two"); return Task.CompletedTask; }, default);
                order.Enqueue("one");
                return Task.CompletedTask;
            },
            default).WaitAsync(Deadline);
        await second.WaitAsync(Deadline);
        Assert.Equal(["one", "two"], order);
    }

    [Fact]
    public async Task A_map_is_read_changed_enumerated_watched_and_survives_damage()
    {
        Assert.Equal(1, await Snippets.MapAsync(_client, new("Ada", 3), default));
        Assert.True(await Snippets.MapRevisionAsync(_client, c => Task.FromResult(c with { Name = "Ada L." })));
        Assert.False(await Snippets.MapRevisionAsync(_client, async c =>
        {
            await Snippets.MapAsync(_client, new("Ada", 5), default);
            return c;
        }));
        var told = new List<string>();
        Assert.Equal(1, await Snippets.MapAllAsync(_client, told.Add, default));
        Assert.Equal(["ada: 6"], told);
        await Snippets.MapLockAsync(_client, _ => Task.CompletedTask).WaitAsync(Deadline);

        using var stop = new CancellationTokenSource();
        var cache = new ConcurrentDictionary<string, Customer>();
        var watching = Task.Run(() => Snippets.MapWatchAsync(_client, cache, stop.Token));
        await _client.Map<string, Customer>("customers", AppJson.Default.Customer).DeleteAsync("ada");
        await _client.Map<string, Customer>("customers", AppJson.Default.Customer).SetAsync("eve", new("Eve", 1));
        while (!cache.ContainsKey("eve") || cache.Count > 1)
        {
            await Task.WhenAny(watching, Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System)).WaitAsync(Deadline);
        }

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watching.WaitAsync(Deadline));
        await _client.Store.PutAsync("map/customers/mallory", "{"u8.ToArray());
        told.Clear();
        await Snippets.MapDamagedAsync(_client, told.Add);
        Assert.Equal("eve: 1", told[0]);
        Assert.Contains("mallory", Assert.Single(told.Skip(1)), StringComparison.Ordinal);
    }
}
