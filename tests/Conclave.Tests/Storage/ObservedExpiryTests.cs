using System.Collections.Immutable;
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.Storage;

/// <summary>Who may be buried, and when: on an engine of a dictionary and a counter.</summary>
public sealed class ObservedExpiryTests : IAsyncDisposable
{
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);

    private readonly ManualTimeProvider _time = new();
    private readonly Dictionary<string, SessionBeat> _sessions = [];
    private readonly Dictionary<string, TimeSpan> _buriedAfter = [];
    private readonly Dictionary<string, long> _renewedAt = [];
    private readonly ObservedExpiry _expiry;
    private long _beat;
    private int _looks;
    private int _shown;
    private bool _isDown;
    private bool _isSlow;
    private TaskCompletionSource? _slow;

    public ObservedExpiryTests() => _expiry = new(_time, LookAsync, BuryAsync);

    public ValueTask DisposeAsync() => _expiry.DisposeAsync();

    [Fact]
    public async Task A_session_that_stands_still_is_buried_after_its_time_to_live_and_within_twice_of_it()
    {
        foreach (double seconds in (double[])[2, 3, 15, 40])
        {
            string id = $"s{seconds}";
            Renew(id, TimeSpan.FromSeconds(seconds));
            _expiry.Enter();
            await PassUntilAsync(() => _buriedAfter.ContainsKey(id));
            _expiry.Leave();
            Assert.InRange(_buriedAfter[id].TotalSeconds, seconds * 1.001, (2 * seconds) + 1);
        }
    }

    [Fact]
    public async Task One_that_is_renewed_at_the_last_moment_again_and_again_lives()
    {
        Renew("alive", Ttl);
        Renew("dead", Ttl);
        _expiry.Enter();
        long start = _time.GetTimestamp();
        while (_time.GetElapsedTime(start) < Ttl * 20)
        {
            await PassAsync();
            if (_time.GetElapsedTime(_renewedAt["alive"]) > Ttl - (Step * 2))
            {
                Renew("alive", Ttl);
            }
        }

        Assert.Equal(["dead"], _buriedAfter.Keys);
        Assert.InRange(_looks, 20, 60);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(2.7)]
    [InlineData(10)]
    [InlineData(30)]
    [InlineData(600)]
    public async Task A_look_shows_nobody_who_is_renewed_in_time_however_many_they_are(double seconds)
    {
        var ttl = TimeSpan.FromSeconds(seconds);
        string[] all = [.. Enumerable.Range(0, 100).Select(i => $"s{i}")];
        Array.ForEach(all, id => Renew(id, ttl));
        Renew("short and dead", Ttl);
        _expiry.Enter();
        for (int looks = _looks; _looks < looks + 50; await PassAsync())
        {
            foreach (string id in all.Where(id => _time.GetElapsedTime(_renewedAt[id]) >= ttl / 3))
            {
                Renew(id, ttl);
            }
        }

        Assert.Equal(["short and dead"], _buriedAfter.Keys);
        Assert.InRange(_shown, 1, 3);
    }

    [Fact]
    public async Task An_observer_that_was_away_buries_nobody_who_was_renewed_meanwhile()
    {
        Renew("alive", Ttl);
        _expiry.Enter();
        await PassUntilAsync(() => _looks >= 2);
        _time.JumpWithoutTimers(TimeSpan.FromHours(1));
        Renew("alive", Ttl);
        await PassUntilAsync(() => _looks >= 3);
        Assert.Empty(_buriedAfter);

        await PassUntilAsync(() => _buriedAfter.ContainsKey("alive"));
        Assert.True(_buriedAfter["alive"] >= Ttl);
    }

    [Fact]
    public async Task A_suspect_is_decided_by_its_beat_and_not_by_anybodys_wall_clock()
    {
        Renew("alive", Ttl);
        Renew("dead", Ttl);
        var deciding = new[] { "alive", "dead" }.Select(id => _expiry.DecideAsync(_sessions[id], default).AsTask()).ToArray();
        _time.StepWallClock(TimeSpan.FromDays(1));
        await PassAsync();
        Assert.DoesNotContain(deciding, d => d.IsCompleted);

        Renew("alive", Ttl);
        await PassUntilAsync(() => deciding[0].IsCompleted);
        Assert.False(deciding[1].IsCompleted);
        await PassUntilAsync(() => deciding[1].IsCompleted);

        Assert.Equal(["dead"], _buriedAfter.Keys);
        Assert.InRange(_buriedAfter["dead"], Ttl, Ttl * 1.5);
    }

    [Fact]
    public async Task An_engine_that_does_not_answer_delays_burials_and_ends_nothing()
    {
        Renew("dead", Ttl);
        _expiry.Enter();
        _isDown = true;
        await PassUntilAsync(() => _looks >= 5);
        Assert.Empty(_buriedAfter);

        _isDown = false;
        await PassUntilAsync(() => _buriedAfter.ContainsKey("dead"));
    }

    [Fact]
    public async Task After_a_counter_that_fell_everything_is_seen_anew()
    {
        for (int i = 0; i < 100; i++)
        {
            Renew("old", Ttl);
        }

        _expiry.Enter();
        await PassUntilAsync(() => _looks >= 1);
        _sessions.Clear();
        _beat = 0;
        _time.JumpWithoutTimers(Ttl * 5);
        Renew("new", Ttl);
        await PassUntilAsync(() => _buriedAfter.ContainsKey("new"));

        Assert.InRange(_buriedAfter["new"], Ttl, Ttl * 2.5);
    }

    [Fact]
    public async Task An_answer_that_another_one_has_overtaken_forgets_nothing()
    {
        Renew("dead", Ttl);
        _expiry.Enter();
        await PassUntilAsync(() => _looks >= 2);

        // it was sent before the next look, and is answered after it with what the counter was then
        _isSlow = true;
        var deciding = _expiry.DecideAsync(_sessions["dead"], default).AsTask();
        await PassUntilAsync(() => _slow is not null);
        Renew("alive", Ttl);
        int looks = _looks;
        await PassUntilAsync(() => _looks > looks || deciding.IsCompleted);
        _slow!.SetResult();

        await PassUntilAsync(() => _buriedAfter.ContainsKey("dead"));
        Assert.InRange(_buriedAfter["dead"], Ttl, Ttl * 2);
        await deciding.InTime();
    }

    [Fact]
    public async Task Nobody_looks_when_nobody_is_interested_and_nothing_is_left_after_the_end()
    {
        _expiry.Enter();
        await PassUntilAsync(() => _looks >= 2);
        _expiry.Leave();
        await PassUntilAsync(() => _time.ArmedTimers == 0);
        int looks = _looks;
        for (int i = 0; i < 100; i++)
        {
            await PassAsync();
        }

        Assert.Equal(looks, _looks);
        _expiry.Enter();
        await PassUntilAsync(() => _looks > looks);
        await _expiry.DisposeAsync();
        await Eventually.TrueAsync(() => _time.ArmedTimers == 0);
    }

    private ValueTask<BeatLook> LookAsync(ImmutableArray<long> atMost, CancellationToken cancellationToken)
    {
        lock (_sessions)
        {
            _looks++;
            Assert.Equal(ObservedExpiry.Floors.Length, atMost.Length);
            BeatLook look = new(_beat, [.. _sessions.Values.Where(s => s.Beat <= atMost[ObservedExpiry.Floors.Count(f => f <= s.TimeToLive.TotalMilliseconds) - 1])]);
            _shown += look.Stale.Count;
            if (_isSlow)
            {
                _isSlow = false;
                _slow = new(TaskCreationOptions.RunContinuationsAsynchronously);
                return LateAsync(look, _slow.Task);
            }

            return _isDown ? throw new StoreUnavailableException("down") : new(look);
        }
    }

    private static async ValueTask<BeatLook> LateAsync(BeatLook look, Task slow)
    {
        await slow;
        return look;
    }

    private ValueTask BuryAsync(SessionBeat session, CancellationToken cancellationToken)
    {
        lock (_sessions)
        {
            string id = session.Session.Value;
            if (_sessions.TryGetValue(id, out var now) && now.Beat == session.Beat && _sessions.Remove(id))
            {
                _buriedAfter.Add(id, _time.GetElapsedTime(_renewedAt[id]));
            }

            return ValueTask.CompletedTask;
        }
    }

    private void Renew(string id, TimeSpan timeToLive)
    {
        lock (_sessions)
        {
            _sessions[id] = new(new(id), ++_beat, timeToLive);
            _renewedAt[id] = _time.GetTimestamp();
        }
    }

    private async Task PassAsync()
    {
        _time.Advance(Step);
        await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System);
    }

    private Task PassUntilAsync(Func<bool> condition) => Eventually.TrueAsync(_time, Step, condition);
}
