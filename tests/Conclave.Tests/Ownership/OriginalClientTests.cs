using Conclave.Alternatives;
using Conclave.Ownership;
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.Owners;

/// <summary>Clients of ours and original ones share a key of a store: each waits for the other, and takes over what the other left.</summary>
public sealed class OriginalClientTests : IAsyncLifetime
{
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan Acquire = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(5);

    private readonly ManualTimeProvider _time = new();
    private readonly MemoryStore _store;
    private readonly ConclaveClient _client;
    private readonly MostlyCorrectOwner _ours;
    private readonly OriginalOwner _original;

    public OriginalClientTests()
    {
        _store = new(_time);
        _client = new(_store, new() { TimeProvider = _time, LeaveStoreOpen = true });
        _ours = _client.Owner("run-refs/approximate-branch-owner");
        _original = new(_store, KeyOf, Acquire, Refresh, _time);
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await _store.DisposeAsync();
    }

    [Fact]
    public async Task The_original_waits_while_ours_owns_and_refreshes_and_owns_after_it()
    {
        var held = await _ours.OwnAsync("4:repo/main", "ours");
        var waiting = _original.OwnAsync("original", "4:repo/main");
        await PassAsync(Refresh * 5, () => Assert.False(waiting.IsCompleted));

        await held.DisposeAsync();
        var release = await SoonAsync(waiting);
        await release(default);
        Assert.True(OwnerRecord.TryParse((await RecordAsync())!.Value)!.IsReleased);
    }

    [Fact]
    public async Task Ours_waits_while_the_original_owns_and_refreshes_and_is_woken_by_its_release()
    {
        var release = await _original.OwnAsync("original", "4:repo/main");
        var waiting = _ours.OwnAsync("4:repo/main", "ours").AsTask();
        await PassAsync(Refresh * 5, () => Assert.False(waiting.IsCompleted));

        await release(default);

        // no time passes: the change of the record is a hint
        var held = await waiting.InTime();
        await held.DisposeAsync();
        Assert.Null(await RecordAsync());
    }

    [Fact]
    public async Task A_record_that_the_original_has_released_is_free_and_is_removed_after_the_next_use()
    {
        await (await _original.OwnAsync("original", "4:repo/main"))(default);
        Assert.NotNull(await RecordAsync());

        var held = await _ours.TryOwnAsync("4:repo/main", "ours");
        Assert.NotNull(held);
        await held.DisposeAsync();
        Assert.Null(await RecordAsync());
    }

    [Fact]
    public async Task Ours_takes_over_from_an_original_that_crashed()
    {
        using var crash = new CancellationTokenSource();
        _ = await _original.OwnAsync("original", "4:repo/main", crash.Token);
        var waiting = _ours.OwnAsync("4:repo/main", "ours").AsTask();
        await PassAsync(Refresh, () => Assert.False(waiting.IsCompleted));
        long since = _time.GetTimestamp();
        await crash.CancelAsync();

        var held = await SoonAsync(waiting);
        Assert.True(_time.GetElapsedTime(since) <= Refresh * 2, $"after {_time.GetElapsedTime(since)}");
        await held.DisposeAsync();
    }

    [Fact]
    public async Task The_original_takes_over_from_ours_that_crashed_by_the_expiry_it_reads()
    {
        var cut = new FailingStore(_store);
        await using var client = new ConclaveClient(cut, new() { TimeProvider = _time, LeaveStoreOpen = true });
        var held = await client.Owner(_ours.Prefix).OwnAsync("4:repo/main", "ours");
        var waiting = _original.OwnAsync("original", "4:repo/main");
        await PassAsync(Refresh, () => Assert.False(waiting.IsCompleted));
        cut.Fails = true;

        var release = await SoonAsync(waiting);
        bool isLost = held.Lost.IsCancellationRequested;
        cut.Fails = false;
        Assert.True(isLost);
        await held.DisposeAsync();
        Assert.StartsWith("original#", OwnerRecord.TryParse((await RecordAsync())!.Value)!.Owner, StringComparison.Ordinal);
        await release(default);
    }

    [Fact]
    public async Task Many_of_both_kinds_never_own_together_while_nothing_fails()
    {
        int inside = 0, turns = 0;
        var everybody = Enumerable.Range(0, 6).Select(i => Task.Run(async () =>
        {
            for (int round = 0; round < 5; round++)
            {
                if (i % 2 == 0)
                {
                    await using var client = new ConclaveClient(_store, new() { TimeProvider = _time, LeaveStoreOpen = true });
                    var held = await client.Owner(_ours.Prefix).OwnAsync("4:repo/main", $"ours {i}");
                    await InsideAsync();
                    await held.DisposeAsync();
                    continue;
                }

                var original = new OriginalOwner(_store, KeyOf, Acquire, Refresh, _time);
                var release = await original.OwnAsync($"original {i}", "4:repo/main");
                await InsideAsync();
                await release(default);
            }
        })).ToArray();
        await Eventually.TrueAsync(_time, Step, () => everybody.All(t => t.IsCompleted));
        await Task.WhenAll(everybody);
        Assert.Equal(30, turns);

        async Task InsideAsync()
        {
            Assert.Equal(1, Interlocked.Increment(ref inside));
            await Task.Yield();
            Interlocked.Increment(ref turns);
            Interlocked.Decrement(ref inside);
        }
    }

    [Fact]
    public async Task What_ours_writes_expires_sensibly_for_an_original_that_reads_it()
    {
        var held = await _ours.OwnAsync("4:repo/main", "ours");
        var first = OriginalRecord.Read((await RecordAsync())!.Value.Span);
        Assert.Equal(_time.GetUtcNow() + Refresh, first.Expires);

        await PassAsync(Refresh, () => { });
        var later = OriginalRecord.Read((await RecordAsync())!.Value.Span);
        Assert.True(later.Expires > _time.GetUtcNow() && later.Expires <= _time.GetUtcNow() + Refresh, $"{later.Expires} at {_time.GetUtcNow()}");
        Assert.Equal(first.Owner, later.Owner);
        await held.DisposeAsync();
    }

    private static string KeyOf(string key) => new OwnerKeys("run-refs/approximate-branch-owner", key).Record;

    private async Task<Entry?> RecordAsync() => await _store.GetAsync(KeyOf("4:repo/main"));

    /// <summary>Lets time pass in small steps; after each, whatever it woke gets its turn.</summary>
    private async Task PassAsync(TimeSpan span, Action look)
    {
        long start = _time.GetTimestamp();
        while (_time.GetElapsedTime(start) < span)
        {
            _time.Advance(Step);
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System);
            look();
        }
    }

    private async Task<T> SoonAsync<T>(Task<T> task)
    {
        await Eventually.TrueAsync(_time, Step, () => task.IsCompleted);
        return await task;
    }

    /// <summary>A store that can be cut off.</summary>
    private sealed class FailingStore(IStore inner) : IStore
    {
        public bool Fails { get; set; }

        public StoreDescription Description => inner.Description;

        public ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default) =>
            Fails ? throw new StoreUnavailableException("cut off") : inner.CommitAsync(transaction, cancellationToken);

        public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) =>
            inner.WaitForChangeAsync(prefix, afterRevision, cancellationToken);

        public ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) => inner.OpenSessionAsync(timeToLive, cancellationToken);

        public ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default) => inner.RenewSessionAsync(session, cancellationToken);

        public ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default) => inner.CloseSessionAsync(session, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
