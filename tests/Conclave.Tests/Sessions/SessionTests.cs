using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.Sessions;

public sealed class SessionTests : IAsyncDisposable
{
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    private readonly ManualTimeProvider _time = new();
    private readonly HookedStore _store;
    private readonly ConclaveClient _client;

    public SessionTests()
    {
        _store = new(new MemoryStore(_time));
        _client = new(_store, new() { TimeProvider = _time, SessionTimeToLive = Ttl });
    }

    public ValueTask DisposeAsync() => _client.DisposeAsync();

    [Fact]
    public async Task The_deadline_counts_from_the_moment_the_session_was_asked_for()
    {
        _store.OnOpen = async next =>
        {
            var grant = await next();
            _time.Advance(TimeSpan.FromSeconds(4));
            return grant;
        };

        await using var claim = await _client.Lock("x").AcquireAsync();

        Assert.Equal(Ttl * 0.999 - TimeSpan.FromMilliseconds(500) - TimeSpan.FromSeconds(4), claim.SafeTime);
    }

    [Fact]
    public async Task The_deadline_counts_from_the_moment_the_renewal_was_sent()
    {
        await using var claim = await _client.Lock("x").AcquireAsync();
        bool jumped = false;
        _store.OnRenew = async next =>
        {
            bool alive = await next();
            _time.JumpWithoutTimers(jumped ? TimeSpan.Zero : TimeSpan.FromSeconds(2));
            Volatile.Write(ref jumped, true);
            return alive;
        };

        await Eventually.TrueAsync(_time, Step, () => Volatile.Read(ref jumped));
        await Eventually.TrueAsync(() => claim.SafeTime > TimeSpan.FromSeconds(11));

        Assert.True(claim.IsHeld);
        Assert.InRange(claim.SafeTime, TimeSpan.FromSeconds(12), TimeSpan.FromSeconds(12.5));
    }

    [Fact]
    public async Task A_claim_is_held_for_many_times_its_time_to_live_by_renewing_every_third()
    {
        await using var claim = await _client.Lock("x").AcquireAsync();
        var started = _time.GetTimestamp();
        while (_time.GetElapsedTime(started) < Ttl * 10)
        {
            _time.Advance(Step);
            await Task.Yield();
            Assert.Equal(ClaimState.Safe, claim.State);
        }

        Assert.InRange(_store.Renewals, 26, 34);
    }

    [Fact]
    public async Task Ten_thousand_claims_are_renewed_with_one_request()
    {
        var claims = new List<Claim>();
        for (int i = 0; i < 10_000; i++)
        {
            claims.Add(await _client.Lock($"held/{i}").AcquireAsync());
        }

        int commits = _store.Commits;
        await Eventually.TrueAsync(_time, Step, () => _store.Renewals == 3);

        Assert.Equal(commits, _store.Commits);
        Assert.All(claims, c => Assert.True(c.IsHeld));
        Assert.InRange(_time.GetElapsedTime(TimeSpan.TicksPerDay), Ttl * 0.85, Ttl * 1.15);
    }

    [Fact]
    public async Task Without_an_answer_a_claim_is_at_risk_and_lost_before_the_store_lets_go_of_it()
    {
        var claim = await _client.Lock("x").AcquireAsync();
        int lost = 0;
        claim.Lost.Register(() => Interlocked.Increment(ref lost));
        _store.OnRenew = _ => throw new StoreUnavailableException("down");

        await Eventually.TrueAsync(_time, Step, () => claim.State == ClaimState.AtRisk);
        Assert.True(claim.IsHeld);
        await Eventually.TrueAsync(_time, Step, () => claim.State == ClaimState.Lost);

        Assert.False(claim.IsHeld);
        Assert.NotEmpty((await _store.Inner.CommitAsync(new(reads: [Read.Scan("lock/x/")]))).Reads[0]);
        await Eventually.TrueAsync(() => Volatile.Read(ref lost) == 1);
        Assert.Contains("time to live", Assert.Throws<ClaimLostException>(claim.ThrowIfLost).Message, StringComparison.Ordinal);
        Assert.False(await claim.ReleaseAsync());
        Assert.Equal(1, lost);
    }

    [Fact]
    public async Task A_renewal_that_comes_back_in_time_makes_a_claim_safe_again()
    {
        await using var claim = await _client.Lock("x").AcquireAsync();
        _store.OnRenew = _ => throw new OutcomeUnknownException("no answer");
        await Eventually.TrueAsync(_time, Step, () => claim.State == ClaimState.AtRisk);

        _store.OnRenew = next => next();

        await Eventually.TrueAsync(_time, Step, () => claim.State == ClaimState.Safe);
        Assert.False(claim.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task A_renewal_that_never_answers_is_given_up_and_tried_again()
    {
        await using var claim = await _client.Lock("x").AcquireAsync();
        _store.OnRenew = _ => new(new TaskCompletionSource<bool>().Task);
        await Eventually.TrueAsync(_time, Step, () => _store.Renewals == 2);
        Assert.True(claim.IsHeld);

        // the hanging attempt ignores its token, as a bad provider would: the deadline still comes
        await Eventually.TrueAsync(_time, Step, () => claim.State == ClaimState.Lost);
    }

    [Fact]
    public async Task An_answer_that_comes_after_the_deadline_extends_nothing()
    {
        var claim = await _client.Lock("x").AcquireAsync();
        var answer = new TaskCompletionSource();
        _store.OnRenew = async next =>
        {
            bool alive = await next();
            await answer.Task;
            return alive;
        };
        await Eventually.TrueAsync(_time, Step, () => _store.Renewals == 1);
        _time.JumpWithoutTimers(Ttl - TimeSpan.FromSeconds(5));

        answer.SetResult();

        await Eventually.TrueAsync(() => claim.State == ClaimState.Lost);
        Assert.False(claim.IsHeld);
    }

    [Fact]
    public async Task After_a_pause_the_first_look_tells_the_truth()
    {
        var claim = await _client.Lock("x").AcquireAsync();

        _time.JumpWithoutTimers(Ttl * 2);

        Assert.False(claim.IsHeld);
        Assert.Equal((ClaimState.Lost, TimeSpan.Zero), (claim.State, claim.SafeTime));
        await using var next = await _client.Lock("x").AcquireAsync().InTime();
        Assert.True(next.IsHeld && next.Token > claim.Token);
        await claim.DisposeAsync();
        Assert.True(next.IsHeld);
    }

    [Fact]
    public async Task A_session_that_the_store_has_forgotten_is_lost_with_the_next_renewal()
    {
        var claim = await _client.Lock("x").AcquireAsync();
        var session = (await _store.Inner.CommitAsync(new(reads: [Read.Scan("lock/x/")]))).Reads[0][0].Session!.Value;
        await _store.Inner.CloseSessionAsync(session);

        await Eventually.TrueAsync(_time, Step, () => claim.Lost.IsCancellationRequested);

        Assert.Equal(ClaimState.Lost, claim.State);
        await using var next = await _client.Lock("x").AcquireAsync();
        Assert.NotEqual(session, (await _store.Inner.CommitAsync(new(reads: [Read.Scan("lock/x/")]))).Reads[0][0].Session);
    }

    [Fact]
    public async Task A_wall_clock_that_ran_ahead_makes_a_claim_uncertain_until_a_renewal_answers()
    {
        await using var claim = await _client.Lock("x").AcquireAsync();
        var answer = new TaskCompletionSource();
        _store.OnRenew = async next =>
        {
            await answer.Task;
            return await next();
        };

        _time.StepWallClock(TimeSpan.FromMinutes(5));
        Assert.Equal((false, ClaimState.AtRisk), (claim.IsHeld, claim.State));
        await Eventually.TrueAsync(() => _store.Renewals == 1);
        Assert.False(claim.IsHeld);
        answer.SetResult();

        await Eventually.TrueAsync(() => claim.IsHeld);
        Assert.False(claim.Lost.IsCancellationRequested);
        _time.StepWallClock(TimeSpan.FromHours(-1));
        Assert.Equal(ClaimState.Safe, claim.State);
    }

    [Fact]
    public async Task Disposing_leaves_no_timer_and_disposes_the_store_once()
    {
        var claim = await _client.Lock("x").AcquireAsync();
        var waiting = _client.Lock("x").AcquireAsync(TimeSpan.FromHours(1)).AsTask();
        Assert.NotEqual(0, _time.ArmedTimers);

        await _client.DisposeAsync();
        await _client.DisposeAsync();

        Assert.Equal(1, _store.Disposals);
        Assert.False(claim.IsHeld);
        await claim.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.InTime());
        await Eventually.TrueAsync(() => _time.ArmedTimers == 0);
    }

    [Fact]
    public async Task A_store_can_be_left_open()
    {
        var store = new HookedStore(new MemoryStore());
        await using (var client = new ConclaveClient(store, new() { LeaveStoreOpen = true }))
        {
            Assert.Equal("memory", (await client.PingAsync()).Engine);
        }

        Assert.Equal(0, store.Disposals);
        await store.DisposeAsync();
    }

    [Fact]
    public async Task After_an_outage_that_cost_the_session_disposing_still_disposes_everything()
    {
        var claim = await _client.Lock("x").AcquireAsync();
        _store.OnRenew = _ => throw new StoreUnavailableException("down");
        _store.OnOpen = _ => throw new StoreUnavailableException("down");
        await Eventually.TrueAsync(_time, Step, () => claim.State == ClaimState.Lost);
        for (int i = 0; i < 3; i++)
        {
            var acquire = _client.Lock($"y{i}").AcquireAsync().AsTask();
            await Eventually.TrueAsync(_time, Step, () => acquire.IsCompleted);
            await Assert.ThrowsAsync<StoreUnavailableException>(() => acquire);
        }

        await Task.WhenAll(_client.DisposeAsync().AsTask(), _client.DisposeAsync().AsTask()).InTime();

        Assert.Equal(1, _store.Disposals);
    }

    [Fact]
    public async Task A_store_that_throws_what_it_should_not_costs_a_renewal_and_not_the_news_of_the_loss()
    {
        var claim = await _client.Lock("x").AcquireAsync();
        _store.OnRenew = _ => throw new InvalidOperationException("a bug in a provider");
        await Eventually.TrueAsync(_time, Step, () => claim.State == ClaimState.AtRisk);
        _store.OnRenew = next => next();
        await Eventually.TrueAsync(_time, Step, () => claim.State == ClaimState.Safe);

        _store.OnRenew = _ => throw new InvalidOperationException("a bug in a provider");

        await Eventually.TrueAsync(_time, Step, () => claim.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task A_renewal_that_blocks_its_thread_does_not_hold_up_the_news_of_the_loss()
    {
        var store = new HookedStore(new MemoryStore());
        using var release = new ManualResetEventSlim();
        store.OnRenew = next =>
        {
            release.Wait();
            return next();
        };
        var client = new ConclaveClient(store, new() { SessionTimeToLive = TimeSpan.FromSeconds(2) });
        var claim = await client.Lock("x").AcquireAsync();

        await Eventually.TrueAsync(() => claim.Lost.IsCancellationRequested);

        Assert.Equal(1, store.Renewals);
        release.Set();
        await client.DisposeAsync();
    }

    [Fact]
    public void The_margin_makes_the_holder_stop_first()
    {
        var margin = new DeadlineMargin();
        foreach (double seconds in (double[])[2, 15, 60, 600])
        {
            // the worst case: our clock is slow by its drift, the engine's fast by its own
            double ours = margin.Believed(TimeSpan.FromSeconds(seconds)).TotalSeconds / (1 - margin.ClientDrift);
            double engines = seconds / (1 + margin.EngineDrift);
            Assert.True(ours < engines - 0.2, $"{ours} < {engines}");
        }

        Assert.Equal(TimeSpan.FromMilliseconds(500), margin.GuardFor(Ttl));
        Assert.Equal(TimeSpan.FromMilliseconds(250), margin.GuardFor(TimeSpan.FromSeconds(2)));
    }

    [Fact]
    public void Options_outside_their_range_are_refused_by_name()
    {
        foreach (var (options, name) in ((ConclaveOptions, string)[])[
            (new() { SessionTimeToLive = TimeSpan.Zero }, "SessionTimeToLive"),
            (new() { SessionTimeToLive = TimeSpan.FromSeconds(-3) }, "SessionTimeToLive"),
            (new() { SessionTimeToLive = TimeSpan.FromDays(3650) }, "SessionTimeToLive"),
            (new() { OperationTimeout = TimeSpan.Zero }, "OperationTimeout"),
            (new() { Margin = new() { ClientDrift = 0.2 } }, "Margin"),
            (new() { Margin = new() { EngineDrift = double.NaN } }, "Margin"),
            (new() { Margin = new() { Guard = TimeSpan.FromSeconds(-1) } }, "Margin"),
            (new() { Margin = new() { Guard = TimeSpan.FromSeconds(8) } }, "Margin")])
        {
            var e = Assert.Throws<ArgumentOutOfRangeException>(() => new ConclaveClient(_store, options));
            Assert.Contains("ConclaveOptions." + name, e.Message + "ConclaveOptions." + e.ParamName, StringComparison.Ordinal);
        }

        Assert.Throws<ArgumentException>(() => new ConclaveClient(_store, new() { Label = "a\nb" }));
    }
}
