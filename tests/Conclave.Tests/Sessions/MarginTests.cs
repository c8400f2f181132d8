using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.Sessions;

/// <summary>How far the margin of the deadline carries: clocks that run at different rates, and stores that are slow to answer.</summary>
public sealed class MarginTests : IAsyncDisposable
{
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(15);

    private readonly ManualTimeProvider _time = new();
    private readonly InterceptedStore _store;
    private readonly MemoryStore _behind;

    public MarginTests()
    {
        _behind = new(_time);
        _store = new(_behind);
    }

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Theory]
    [InlineData(1.01, true)]
    [InlineData(1, true)]
    [InlineData(0.9995, true)]
    [InlineData(0.99, true)]
    [InlineData(0.97, true)]
    [InlineData(0.96, false)]
    public async Task A_clock_may_be_slow_by_the_drift_and_what_the_guard_is_of_the_time_to_live(double rate, bool stopsFirst)
    {
        // 0.05 % each for client and engine, and a guard of a thirtieth: 3.4 % are covered
        _store.OnRenew = _ => throw new StoreUnavailableException("cut off");
        await using var client = new ConclaveClient(_store, new() { TimeProvider = new RatedClock(_time, rate), SessionTimeToLive = Ttl });
        var claim = await client.Lock("x").AcquireAsync();
        bool held = true;
        while (held && await IsThereAsync())
        {
            _time.Advance(TimeSpan.FromMilliseconds(5));
            held = claim.IsHeld;
        }

        Assert.Equal(stopsFirst, await IsThereAsync());
        Assert.Equal(stopsFirst, !held);
    }

    [Fact]
    public async Task Answers_that_take_a_tenth_of_the_time_to_live_cost_no_claim()
    {
        Delay(Ttl / 10);
        await using var client = new ConclaveClient(_store, new() { TimeProvider = _time, SessionTimeToLive = Ttl });
        var claim = await client.Lock("x").AcquireAsync();

        await Eventually.TrueAsync(_time, TimeSpan.FromMilliseconds(100), () =>
        {
            Assert.True(claim.IsHeld);
            return _store.Renewals >= 15;
        });
        Assert.False(claim.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Answers_that_take_more_than_half_of_it_cost_the_claim_before_the_store_lets_go()
    {
        Delay(Ttl * 0.6);
        await using var client = new ConclaveClient(_store, new() { TimeProvider = _time, SessionTimeToLive = Ttl });
        var claim = await client.Lock("x").AcquireAsync();
        bool wasAtRisk = false;

        await Eventually.TrueAsync(_time, TimeSpan.FromMilliseconds(100), () =>
        {
            wasAtRisk |= claim.State == ClaimState.AtRisk;
            return !claim.IsHeld;
        });
        Assert.True(wasAtRisk && await IsThereAsync());
        Assert.True(_time.GetElapsedTime(TimeSpan.TicksPerDay) < Ttl);
        await Eventually.TrueAsync(() => claim.Lost.IsCancellationRequested);
    }

    private async Task<bool> IsThereAsync() => (await _behind.CommitAsync(new(reads: [Read.Scan("lock/x/")]))).Reads[0].Length == 1;

    /// <summary>Answers to renewals take so long.</summary>
    private void Delay(TimeSpan span) => _store.OnRenew = async next =>
    {
        bool alive = await next();
        await Task.Delay(span, _time);
        return alive;
    };

    /// <summary>A clock that runs at another rate than the one behind it.</summary>
    private sealed class RatedClock(ManualTimeProvider behind, double rate) : TimeProvider
    {
        private readonly long _start = behind.GetTimestamp();
        private readonly DateTimeOffset _wall = behind.GetUtcNow();

        public override long TimestampFrequency => behind.TimestampFrequency;

        public override long GetTimestamp() => _start + (long)((behind.GetTimestamp() - _start) * rate);

        public override DateTimeOffset GetUtcNow() => _wall + GetElapsedTime(_start);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            behind.CreateTimer(callback, state, Scale(dueTime), Scale(period));

        private TimeSpan Scale(TimeSpan span) => span == Timeout.InfiniteTimeSpan ? span : span / rate;
    }
}
