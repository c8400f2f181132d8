using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.Sessions;

/// <summary>What is left beside the cases of the kit: large numbers, threads, arithmetic and options.</summary>
public sealed class SessionTests : IAsyncDisposable
{
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    private readonly ManualTimeProvider _time = new();
    private readonly InterceptedStore _store;
    private readonly ConclaveClient _client;

    public SessionTests()
    {
        _store = new(new MemoryStore(_time));
        _client = new(_store, new() { TimeProvider = _time, SessionTimeToLive = Ttl });
    }

    public ValueTask DisposeAsync() => _client.DisposeAsync();

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
    public async Task In_the_last_millisecond_before_the_deadline_nobody_asks_without_end()
    {
        // a deadline between two milliseconds, as those of a real clock are
        await using var client = new ConclaveClient(_store, new() { TimeProvider = _time, SessionTimeToLive = Ttl + TimeSpan.FromTicks(3333), LeaveStoreOpen = true });
        var claim = await client.Lock("x").AcquireAsync();
        int attempts = 0;
        _store.OnRenew = next => Interlocked.Increment(ref attempts) < 1000 ? throw new StoreUnavailableException("cut off") : next();

        _time.Advance(claim.SafeTime - TimeSpan.FromTicks(1));

        await Eventually.TrueAsync(() => Volatile.Read(ref attempts) >= 4);
        Assert.True(claim.IsHeld);
        Assert.InRange(Volatile.Read(ref attempts), 4, 20);
    }

    [Fact]
    public async Task A_store_can_be_left_open()
    {
        var store = new InterceptedStore(new MemoryStore());
        await using (var client = new ConclaveClient(store, new() { LeaveStoreOpen = true }))
        {
            Assert.Equal("memory", (await client.PingAsync()).Engine);
        }

        Assert.Equal(0, store.Disposals);
        await store.DisposeAsync();
    }

    [Fact]
    public async Task A_renewal_that_blocks_its_thread_does_not_hold_up_the_news_of_the_loss()
    {
        var store = new InterceptedStore(new MemoryStore());
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
