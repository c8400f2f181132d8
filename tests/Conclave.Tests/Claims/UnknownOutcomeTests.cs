using Conclave.Storage;

namespace Conclave.Tests.Claims;

/// <summary>Answers that are lost, late or bad: nothing is ever held or left behind without knowing.</summary>
public sealed class UnknownOutcomeTests : IAsyncDisposable
{
    private readonly HookedStore _store = new(new MemoryStore());
    private readonly ConclaveClient _client;

    // for what is meant to time out; all else gets the usual 10 s, which a busy machine does not use up
    private readonly ConclaveClient _hasty;

    public UnknownOutcomeTests()
    {
        _client = new(_store);
        _hasty = new(_store, new() { OperationTimeout = TimeSpan.FromMilliseconds(300), LeaveStoreOpen = true });
    }

    public async ValueTask DisposeAsync()
    {
        await _hasty.DisposeAsync();
        await _client.DisposeAsync();
    }

    private async Task<int> ContendersAsync() =>
        (await _store.Inner.CommitAsync(new(reads: [Read.Scan("lock/x/")]))).Reads[0].Length;

    /// <summary>The answer of the next commits of a kind is lost, after or before they were applied.</summary>
    private void LoseAnswers(Func<Transaction, bool> which, bool applied, int times)
    {
        int left = times;
        _store.OnCommit = async (transaction, next) =>
        {
            if (which(transaction) && Interlocked.Decrement(ref left) >= 0)
            {
                _ = applied ? await next() : null;
                throw new OutcomeUnknownException("the connection was cut");
            }

            return await next();
        };
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 1)]
    [InlineData(false, 3)]
    public async Task A_join_whose_answer_is_lost_ends_in_one_claim(bool applied, int times)
    {
        LoseAnswers(HookedStore.IsJoin, applied, times);

        await using var claim = await _client.Lock("x").AcquireAsync().InTime();

        Assert.True(claim.IsHeld);
        Assert.Equal(1, await ContendersAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_leave_whose_answer_is_lost_is_repeated_and_counts_as_ours(bool applied)
    {
        var claim = await _client.Lock("x").AcquireAsync();
        LoseAnswers(HookedStore.IsLeave, applied, times: 2);

        Assert.True(await claim.ReleaseAsync().InTime());

        Assert.Equal(0, await ContendersAsync());
    }

    [Fact]
    public async Task A_join_that_lands_after_its_cancellation_leaves_no_ghost()
    {
        var hold = new TaskCompletionSource();
        bool sent = false;
        _store.OnCommit = async (transaction, next) =>
        {
            if (HookedStore.IsJoin(transaction))
            {
                Volatile.Write(ref sent, true);
                await hold.Task;
            }

            return await next();
        };
        using var cancel = new CancellationTokenSource();
        var acquire = _client.Lock("x").AcquireAsync(cancel.Token).AsTask();
        await Eventually.TrueAsync(() => Volatile.Read(ref sent));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => acquire.InTime());

        hold.SetResult();

        await using var next = await _client.Lock("x").AcquireAsync().InTime();
        Assert.True(next.IsHeld);
        await Eventually.TrueAsync(async () => await ContendersAsync() == 1);
    }

    [Fact]
    public async Task A_join_that_was_given_up_cannot_land_once_the_session_has_settled()
    {
        Func<ValueTask<CommitResult>>? late = null;
        _store.OnCommit = (transaction, next) =>
        {
            if (HookedStore.IsJoin(transaction) && late is null)
            {
                late = next;
                throw new OutcomeUnknownException("the request is still on its way");
            }

            return next();
        };

        var claim = await _client.Lock("x").AcquireAsync().InTime();
        Assert.False((await late!()).Accepted);
        Assert.True(claim.IsHeld);
        Assert.Equal(1, await ContendersAsync());

        // and not when its place is free again either: it would stand at the head of the queue, and nobody would know of it
        await claim.DisposeAsync();
        Assert.False((await late()).Accepted);
        Assert.Equal(0, await ContendersAsync());
    }

    [Fact]
    public async Task A_store_that_cannot_be_joined_in_time_is_reported_and_nothing_is_left()
    {
        await (await _hasty.Lock("warm").AcquireAsync()).DisposeAsync();
        _store.OnCommit = (_, _) => throw new StoreUnavailableException("the server is down");

        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => _hasty.Lock("x").AcquireAsync().InTime());

        Assert.Contains("the server is down", e.Message, StringComparison.Ordinal);
        Assert.True(e.IsTransient);
        _store.OnCommit = (_, next) => next();
        await using var claim = await _hasty.Lock("x").AcquireAsync().InTime();
        Assert.Equal(1, await ContendersAsync());
    }

    [Fact]
    public async Task An_error_that_no_repetition_mends_is_reported_at_once()
    {
        _store.OnOpen = _ => throw new StoreAccessException("wrong password");
        await Assert.ThrowsAsync<StoreAccessException>(() => _client.Lock("x").AcquireAsync().InTime());

        _store.OnOpen = next => next();
        Assert.NotNull(await _client.Lock("x").TryAcquireAsync());
    }

    [Fact]
    public async Task Once_queued_a_contender_survives_an_outage()
    {
        await using var other = new ConclaveClient(_store.Inner, new() { LeaveStoreOpen = true });
        var held = await other.Lock("x").AcquireAsync();
        var waiting = _client.Lock("x").AcquireAsync().AsTask();
        await Eventually.TrueAsync(async () => await ContendersAsync() == 2);
        int refused = 0;
        _store.OnCommit = (_, _) =>
        {
            Interlocked.Increment(ref refused);
            throw new StoreUnavailableException("the server is down");
        };

        await held.DisposeAsync();
        await Eventually.TrueAsync(() => Volatile.Read(ref refused) >= 3);
        Assert.False(waiting.IsCompleted);
        _store.OnCommit = (_, next) => next();

        Assert.True((await waiting.InTime()).IsHeld);
    }

    [Fact]
    public async Task A_release_that_does_not_reach_the_store_goes_on_in_the_background()
    {
        var claim = await _hasty.Lock("x").AcquireAsync();
        _store.OnCommit = (_, _) => throw new StoreUnavailableException("the server is down");
        await Assert.ThrowsAsync<StoreUnavailableException>(() => claim.ReleaseAsync().InTime());
        Assert.Equal((false, ClaimState.Released), (claim.IsHeld, claim.State));
        Assert.Equal(1, await ContendersAsync());

        _store.OnCommit = (_, next) => next();

        await Eventually.TrueAsync(async () => await ContendersAsync() == 0);
    }

    [Fact]
    public async Task Disposing_a_claim_never_throws_for_trouble_with_the_store()
    {
        var claim = await _hasty.Lock("x").AcquireAsync();
        _store.OnCommit = (_, _) => throw new StoreUnavailableException("the server is down");
        await claim.DisposeAsync().AsTask().InTime();
    }

    [Fact]
    public async Task A_waiter_whose_session_ended_joins_again_and_is_never_granted_as_a_phantom()
    {
        await using var other = new ConclaveClient(_store.Inner, new() { LeaveStoreOpen = true });
        var held = await other.Lock("x").AcquireAsync();
        var waiting = _client.Lock("x").AcquireAsync().AsTask();
        await Eventually.TrueAsync(async () => await ContendersAsync() == 2);
        var queue = (await _store.Inner.CommitAsync(new(reads: [Read.Scan("lock/x/")]))).Reads[0];
        var dead = queue.MaxBy(e => e.CreateRevision)!.Session!.Value;

        // the waiter's session ends, then the blocker leaves: an election of etcd's would announce a leader now
        await _store.Inner.CloseSessionAsync(dead);
        await held.DisposeAsync();

        var claim = await waiting.InTime();
        var mine = (await _store.Inner.CommitAsync(new(reads: [Read.Scan("lock/x/")]))).Reads[0].Single();
        Assert.NotEqual(dead, mine.Session);
        Assert.Equal(mine.CreateRevision, claim.Token.Value);
        Assert.True(claim.IsHeld);
    }

    [Fact]
    public async Task A_foreign_contender_excludes_us_until_it_leaves()
    {
        await _store.PutAsync("lock/x/694d8f3a", default);
        var waiting = _client.Lock("x").AcquireAsync().AsTask();
        await Eventually.TrueAsync(async () => await ContendersAsync() == 2);
        Assert.False(waiting.IsCompleted);
        var holder = (await _client.Lock("x").InspectAsync()).Holder!;
        Assert.Null(holder.Host ?? holder.Session);

        await _store.DeleteAsync("lock/x/694d8f3a");

        Assert.True((await waiting.InTime()).IsHeld);
    }

    [Fact]
    public async Task A_name_that_others_use_with_another_rule_is_refused_without_disturbing_them()
    {
        await _store.PutAsync("lock/x/other", ClaimRule.OfPermits(3).ToValue(DateTimeOffset.UnixEpoch));

        var e = await Assert.ThrowsAsync<RuleMismatchException>(() => _client.Lock("x").AcquireAsync().InTime());

        Assert.Contains("permits(3)", e.Message, StringComparison.Ordinal);
        Assert.Equal(1, await ContendersAsync());
    }

    [Fact]
    public async Task A_leave_that_is_refused_for_good_is_tried_until_it_is_not()
    {
        var claim = await _client.Lock("x").AcquireAsync();
        int refusals = 3;
        _store.OnCommit = (transaction, next) => HookedStore.IsLeave(transaction) && Interlocked.Decrement(ref refusals) >= 0
            ? throw new StoreAccessException("the token has expired")
            : next();

        Assert.True(await claim.ReleaseAsync().InTime());

        Assert.Equal(0, await ContendersAsync());
    }

    [Fact]
    public async Task A_join_whose_answer_is_lost_before_access_is_refused_leaves_no_ghost()
    {
        await (await _hasty.Lock("warm").AcquireAsync()).DisposeAsync();
        bool isOut = true;
        _store.OnCommit = async (transaction, next) =>
        {
            if (HookedStore.IsJoin(transaction))
            {
                _ = await next();
                throw new OutcomeUnknownException("the connection was cut");
            }

            return Volatile.Read(ref isOut) ? throw new StoreAccessException("the token has expired") : await next();
        };

        await Assert.ThrowsAsync<StoreAccessException>(() => _hasty.Lock("x").AcquireAsync().InTime());
        Assert.Equal(1, await ContendersAsync());
        Volatile.Write(ref isOut, false);

        await Eventually.TrueAsync(async () => await ContendersAsync() == 0);
    }

    [Fact]
    public async Task A_contender_that_somebody_has_put_again_is_still_released()
    {
        var claim = await _client.Lock("x").AcquireAsync();
        var mine = (await _store.Inner.CommitAsync(new(reads: [Read.Scan("lock/x/")]))).Reads[0].Single();
        await _store.Inner.PutAsync(mine.Key, Bytes.Of("poked"));

        Assert.True(await claim.ReleaseAsync().InTime());

        Assert.Equal(0, await ContendersAsync());
    }

    [Theory]
    [InlineData(" 5")]
    [InlineData("5\n")]
    [InlineData("-1")]
    [InlineData("32768")]
    [InlineData("five")]
    public async Task An_epoch_that_cannot_be_read_is_an_error_and_never_a_smaller_token(string epoch)
    {
        await _store.PutAsync(StoreNames.EpochKey, Bytes.Of(epoch));

        await Assert.ThrowsAsync<StoreFormatException>(() => _client.Lock("x").AcquireAsync().InTime());

        Assert.Equal(0, await ContendersAsync());
        await _store.PutAsync(StoreNames.EpochKey, StoreEpoch.ToValue(StoreEpoch.Max));
        await using var claim = await _client.Lock("x").AcquireAsync();
        Assert.True(claim.Token.Value > 0);
    }

    [Fact]
    public async Task Asking_for_a_release_again_tells_how_the_first_one_ended()
    {
        var claim = await _client.Lock("x").AcquireAsync();
        var hold = new TaskCompletionSource();
        _store.OnCommit = async (transaction, next) =>
        {
            await (HookedStore.IsLeave(transaction) ? hold.Task : Task.CompletedTask);
            return await next();
        };
        using var cancel = new CancellationTokenSource();
        var first = claim.ReleaseAsync(cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first.InTime());
        var second = claim.ReleaseAsync().AsTask();

        hold.SetResult();

        Assert.True(await second.InTime());
    }
}
