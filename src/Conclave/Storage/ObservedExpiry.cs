using System.Collections.Immutable;
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
/// that a look returns those that are late and not those that live: of each class of times to live (<see cref="Floors"/>) those that have
/// stood still for more than half of it, while those that live are renewed after a third. So a look costs as much among a thousand sessions as among two.
/// A session is never buried early: its last renewal was sent before the look that shows its beat was received.
/// </remarks>
public sealed partial class ObservedExpiry : IAsyncDisposable
{
    // a look and a time to live must fit into twice the shortest time to live
    private static readonly TimeSpan Period = StoreLimits.MinTimeToLive * 0.6;

    // of the least time to live of a class: more than a third of the longest, after which those that live are renewed
    private const double Late = 0.55;

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly Func<ImmutableArray<long>, CancellationToken, ValueTask<BeatLook>> _look;
    private readonly Func<SessionBeat, CancellationToken, ValueTask> _bury;
    private readonly ILogger _logger;
    private readonly double _drift;
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<(long Beat, long ReceivedAt)> _looks = [];
    private Task _watching = Task.CompletedTask;
    private int _interested;

    /// <summary>Creates an observer that does nothing yet.</summary>
    /// <param name="time">The observer's clock: one that counts suspended time.</param>
    /// <param name="look">
    /// Reads the counter, and the sessions whose beat is at most the one given for their class of times to live, in the order of
    /// <see cref="Floors"/>; negative where none of the class is asked for. The counter is read first, or in one step with them.
    /// </param>
    /// <param name="bury">Ends a session with its entries if its beat is still the same, in one atomic step.</param>
    /// <param name="drift">The largest relative error of the clock rates of holder and observer together.</param>
    /// <param name="logger">Where to say that looking failed, or null.</param>
    public ObservedExpiry(
        TimeProvider time, Func<ImmutableArray<long>, CancellationToken, ValueTask<BeatLook>> look, Func<SessionBeat, CancellationToken, ValueTask> bury,
        double drift = 0.001, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(look);
        ArgumentNullException.ThrowIfNull(bury);
        ArgumentOutOfRangeException.ThrowIfNegative(drift);
        (_time, _look, _bury, _drift, _logger) = (time, look, bury, drift, logger ?? NullLogger.Instance);
    }

    /// <summary>
    /// The least time to live of each class, in milliseconds, rising from <see cref="StoreLimits.MinTimeToLive"/>: every second one is twice
    /// as long, those between them by the root of two.
    /// </summary>
    public static ImmutableArray<int> Floors { get; } = MakeFloors();

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
            long sentAt = _time.GetTimestamp();
            var look = await _look(Asking(suspect), cancellationToken).ConfigureAwait(false);
            Remember(look.Beat, sentAt);
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
        long sentAt = _time.GetTimestamp();
        var look = await _look(LateBeats(), cancellationToken).ConfigureAwait(false);
        Remember(look.Beat, sentAt);
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

    /// <summary>Which class a time to live belongs to.</summary>
    /// <param name="timeToLive">The time to live.</param>
    /// <returns>Its place in <see cref="Floors"/>; the first also for less than that.</returns>
    private static int ClassOf(TimeSpan timeToLive)
    {
        int place = Floors.Length - 1;
        while (place > 0 && timeToLive.TotalMilliseconds < Floors[place])
        {
            place--;
        }

        return place;
    }

    private static ImmutableArray<int> MakeFloors()
    {
        var floors = new List<int>();
        (int even, int odd) = ((int)StoreLimits.MinTimeToLive.TotalMilliseconds, (int)(StoreLimits.MinTimeToLive.TotalMilliseconds * Math.Sqrt(2)));
        while (even <= StoreLimits.MaxTimeToLive.TotalMilliseconds)
        {
            floors.AddRange([even, odd]);
            (even, odd) = (even * 2, odd * 2);
        }

        return [.. floors];
    }

    private static ImmutableArray<long> Asking(SessionBeat suspect)
    {
        int asked = ClassOf(suspect.TimeToLive);
        return [.. Floors.Select((_, place) => place == asked ? suspect.Beat : -1)];
    }

    /// <summary>For each class the last beat that was seen so long ago that who still has it is late.</summary>
    private ImmutableArray<long> LateBeats()
    {
        long now = _time.GetTimestamp();
        lock (_lock)
        {
            var beats = ImmutableArray.CreateBuilder<long>(Floors.Length);
            int last = _looks.Count - 1;
            foreach (int floor in Floors)
            {
                while (last >= 0 && _time.GetElapsedTime(_looks[last].ReceivedAt, now).TotalMilliseconds < floor * Late)
                {
                    last--;
                }

                beats.Add(last < 0 ? -1 : _looks[last].Beat);
            }

            return beats.MoveToImmutable();
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

    private void Remember(long beat, long sentAt)
    {
        long now = _time.GetTimestamp();
        lock (_lock)
        {
            if (_looks.Count > 0 && beat < _looks[^1].Beat)
            {
                // an answer that was overtaken by another says nothing new
                if (sentAt < _looks[^1].ReceivedAt)
                {
                    return;
                }

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
/// <param name="Stale">The sessions whose beat is at most the one that was asked for in their class.</param>
public sealed record BeatLook(long Beat, IReadOnlyList<SessionBeat> Stale);
