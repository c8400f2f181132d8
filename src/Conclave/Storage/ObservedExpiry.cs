using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Conclave.Storage;

/// <summary>
/// For providers whose engine has no monotonic clock: sessions end because somebody saw their beat stand still, not because a wall clock says
/// so. Every renewal draws a new <em>beat</em> from one counter of the namespace. Whoever is connected looks now and then at the sessions whose
/// beat is old, and buries one that stood still for its own time to live, from receiving the first look to sending the burial, on the
/// looker's own monotonic clock. A burial must be one atomic step: beat still the same, then session and entries go.
/// </summary>
/// <remarks>
/// Source: the lease of the DynamoDB lock client, which watches a record's version stand still, with one counter for all sessions, so
/// that a look returns those that are late and not those that live. A session is never buried early: its last renewal was sent before the look
/// that shows its beat was received.
/// </remarks>
public sealed partial class ObservedExpiry : IAsyncDisposable
{
    // a look and a time to live must fit into twice the shortest time to live
    private static readonly TimeSpan Period = StoreLimits.MinTimeToLive * 0.6;

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly Func<long, CancellationToken, ValueTask<BeatLook>> _look;
    private readonly Func<SessionBeat, CancellationToken, ValueTask> _bury;
    private readonly ILogger _logger;
    private readonly double _drift;
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<(long Beat, long ReceivedAt)> _looks = [];
    private Task _watching = Task.CompletedTask;
    private int _interested;

    /// <summary>Creates an observer that does nothing yet.</summary>
    /// <param name="time">The observer's clock: one that counts suspended time.</param>
    /// <param name="look">Reads the counter, and the sessions whose beat is at most the given one. The counter is read first, or in one step with them.</param>
    /// <param name="bury">Ends a session with its entries if its beat is still the same, in one atomic step.</param>
    /// <param name="drift">The largest relative error of the clock rates of holder and observer together.</param>
    /// <param name="logger">Where to say that looking failed, or null.</param>
    public ObservedExpiry(
        TimeProvider time, Func<long, CancellationToken, ValueTask<BeatLook>> look, Func<SessionBeat, CancellationToken, ValueTask> bury,
        double drift = 0.001, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(look);
        ArgumentNullException.ThrowIfNull(bury);
        ArgumentOutOfRangeException.ThrowIfNegative(drift);
        (_time, _look, _bury, _drift, _logger) = (time, look, bury, drift, logger ?? NullLogger.Instance);
    }

    /// <summary>How long after its time to live a session is buried at the latest, as a share of it: two looks and the drift.</summary>
    public static double Stretch => 1;

    /// <summary>Looks regularly from now on, until <see cref="Leave"/> was called as often: for every open session and every wait.</summary>
    public void Enter()
    {
        lock (_lock)
        {
            if (_interested++ == 0 && _watching.IsCompleted && !_stopping.IsCancellationRequested)
            {
                _watching = Task.Run(WatchAsync);
            }
        }
    }

    /// <summary>Takes one <see cref="Enter"/> back.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            _interested--;
        }
    }

    /// <summary>
    /// Waits until it is known whether a session lives that looks dead, because a wall clock says that it is overdue: until its beat moves, or
    /// it is buried.
    /// </summary>
    /// <param name="suspect">The session with the beat that was seen.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    public async ValueTask DecideAsync(SessionBeat suspect, CancellationToken cancellationToken)
    {
        // the beat was received before this call, so a moment that begins now is not too early
        long seenAt = SeenAt(suspect.Beat) ?? _time.GetTimestamp();
        var needed = Needed(suspect);
        while (true)
        {
            var age = _time.GetElapsedTime(seenAt);
            if (age >= needed)
            {
                await _bury(suspect, cancellationToken).ConfigureAwait(false);
                return;
            }

            var left = needed - age;
            await Task.Delay(left < Period / 4 ? left : Period / 4, _time, cancellationToken).ConfigureAwait(false);
            var look = await _look(suspect.Beat, cancellationToken).ConfigureAwait(false);
            Remember(look.Beat);
            if (!look.Stale.Contains(suspect))
            {
                return;
            }
        }
    }

    /// <summary>Forgets every look: the engine began anew, and its counter with it.</summary>
    public void Forget()
    {
        lock (_lock)
        {
            _looks.Clear();
        }
    }

    /// <summary>Stops looking, and waits for a look that is under way.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        Task watching;
        lock (_lock)
        {
            watching = _watching;
        }

        await watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task WatchAsync()
    {
        while (true)
        {
            var pause = Period;
            try
            {
                pause = await LookAsync(_stopping.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (!_stopping.IsCancellationRequested)
            {
                // whatever it is, the dead stay a little longer, and the next look tries again
                LogLookFailed(e);
            }

            await Task.Delay(pause, _time, _stopping.Token).ConfigureAwait(false);
            lock (_lock)
            {
                if (_interested == 0)
                {
                    _watching = Task.CompletedTask;
                    return;
                }
            }
        }
    }

    /// <summary>Looks once, and buries who has stood still for long enough.</summary>
    /// <returns>When to look again.</returns>
    private async ValueTask<TimeSpan> LookAsync(CancellationToken cancellationToken)
    {
        var look = await _look(LastBeat(), cancellationToken).ConfigureAwait(false);
        Remember(look.Beat);
        var pause = Period;
        foreach (var stale in look.Stale)
        {
            if (SeenAt(stale.Beat) is { } seenAt)
            {
                var left = Needed(stale) - _time.GetElapsedTime(seenAt);
                if (left <= TimeSpan.Zero)
                {
                    await _bury(stale, cancellationToken).ConfigureAwait(false);
                }
                else if (left < pause)
                {
                    pause = left;
                }
            }
        }

        return pause;
    }

    private TimeSpan Needed(SessionBeat session) => session.TimeToLive * (1 + _drift);

    private long LastBeat()
    {
        lock (_lock)
        {
            return _looks.Count == 0 ? 0 : _looks[^1].Beat;
        }
    }

    /// <summary>When a look was received that showed this beat, or a later one of another session: it has stood still since then at least.</summary>
    private long? SeenAt(long beat)
    {
        lock (_lock)
        {
            foreach (var (counter, receivedAt) in _looks)
            {
                if (counter >= beat)
                {
                    return receivedAt;
                }
            }

            return null;
        }
    }

    private void Remember(long beat)
    {
        long now = _time.GetTimestamp();
        lock (_lock)
        {
            if (_looks.Count > 0 && beat < _looks[^1].Beat)
            {
                // the counter fell: what was seen before was another engine's
                _looks.Clear();
            }

            if (_looks.Count == 0 || beat > _looks[^1].Beat)
            {
                _looks.Add((beat, now));
            }

            // one look that is old enough for every time to live is all that is needed of the past
            var longest = StoreLimits.MaxTimeToLive * (1 + _drift);
            while (_looks.Count > 1 && _time.GetElapsedTime(_looks[1].ReceivedAt, now) > longest)
            {
                _looks.RemoveAt(0);
            }
        }
    }

    [LoggerMessage(20, LogLevel.Warning, "Looking for dead sessions failed; trying again")]
    private partial void LogLookFailed(Exception exception);
}

/// <summary>A session with its last beat.</summary>
/// <param name="Session">The session.</param>
/// <param name="Beat">What its last renewal drew from the namespace's counter.</param>
/// <param name="TimeToLive">Its effective time to live.</param>
public readonly record struct SessionBeat(SessionId Session, long Beat, TimeSpan TimeToLive);

/// <summary>What a look at the sessions showed.</summary>
/// <param name="Beat">The counter's last value.</param>
/// <param name="Stale">The sessions whose beat is at most the one that was asked for.</param>
public sealed record BeatLook(long Beat, IReadOnlyList<SessionBeat> Stale);
