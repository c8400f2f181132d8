using System.Diagnostics.CodeAnalysis;

namespace Conclave.Timekeeping;

/// <summary>
/// A clock that knows how wrong it may be. Reading it takes no lock, does no I/O and allocates nothing; whatever keeps it right happens in
/// the background. All members may be called concurrently.
/// </summary>
public abstract class SynchronizedClock : IAsyncDisposable
{
    private static readonly TimeSpan LongestDelay = TimeSpan.FromHours(1);
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly double _ticksPerStamp;
    private readonly double _stampsPerTick;
    private ClockEstimate _estimate;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private protected SynchronizedClock(TimeProvider time, bool recent)
    {
        _time = time;
        _ticksPerStamp = (double)TimeSpan.TicksPerSecond / time.TimestampFrequency;
        _stampsPerTick = 1 / _ticksPerStamp;
        long wall = time.GetUtcNow().UtcTicks;
        _estimate = new()
        {
            Stamp = time.GetTimestamp(),
            Ticks = recent ? Math.Max(wall, NtpTimestamp.Pivot.UtcTicks) : wall,
            State = ClockState.Unsynchronized,
        };
    }

    /// <summary>Tells that the state changed, or that the time was corrected by a step. Raised in the background; handlers should be quick.</summary>
    [SuppressMessage("Design", "CA1003", Justification = "The change is a record, as everywhere in Conclave.")]
    public event Action<SynchronizedClock, ClockChange>? Changed;

    /// <summary>The true time lies in this; <see cref="TimeInterval.Unknown"/> if no bound is known. Never throws.</summary>
    public TimeInterval Now => Read().Interval;

    /// <summary>What the clock knows about its own error. Never throws.</summary>
    public ClockState State => Read().State;

    /// <summary>The monotonic clock and the timers behind this clock.</summary>
    internal TimeProvider Time => _time;

    internal ClockEstimate Estimate => Volatile.Read(ref _estimate);

    /// <summary>Looks at the clock. Never throws, never waits.</summary>
    /// <returns>The time, how wrong it may be, and the state, all of the same moment.</returns>
    public ClockReading Read()
    {
        var estimate = Volatile.Read(ref _estimate);
        long elapsed = Elapsed(estimate, _time.GetTimestamp());
        return elapsed <= estimate.RefreshAfter ? estimate.After(elapsed) : Refreshed().After(0);
    }

    /// <summary>Whether an instant is certainly over.</summary>
    /// <param name="instant">An instant.</param>
    /// <returns>True: it is now certainly later. False: certainly not. Null: that cannot be told, or no bound is known.</returns>
    public bool? IsAfter(DateTimeOffset instant) => Now.IsAfter(instant);

    /// <summary>Whether an instant has certainly not come yet.</summary>
    /// <param name="instant">An instant.</param>
    /// <returns>True: it is now certainly earlier. False: certainly not. Null: that cannot be told, or no bound is known.</returns>
    public bool? IsBefore(DateTimeOffset instant) => Now.IsBefore(instant);

    /// <summary>
    /// Waits until an instant is certainly over, everywhere: the commit-wait of Spanner. While no bound is known it waits for one.
    /// </summary>
    /// <param name="instant">For example <see cref="TimeInterval.Latest"/> of the interval at which something was stamped.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public async ValueTask WaitUntilAfterAsync(DateTimeOffset instant, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        while (true)
        {
            // before the look, so that no change is missed
            var change = Volatile.Read(ref _changed).Task;
            var reading = Read();
            if (reading.Earliest > instant)
            {
                return;
            }

            // a tick more, because the earliest time must have passed the instant; a bound that grows only makes another round
            var delay = reading.IsBounded ? instant - reading.Earliest + TimeSpan.FromTicks(1) : LookAgain;
            delay = delay > LongestDelay ? LongestDelay : TimeSpan.FromMilliseconds(Math.Ceiling(delay.TotalMilliseconds));
            await WaitAsync(change, delay, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Waits until the clock is synchronized.</summary>
    /// <param name="cancellationToken">Cancels the wait. Without a token it may last for ever: <see cref="GetStatus"/> says what is missing.</param>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public async ValueTask WaitUntilSynchronizedAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        while (true)
        {
            var change = Volatile.Read(ref _changed).Task;
            if (State == ClockState.Synchronized)
            {
                return;
            }

            await WaitAsync(change, LookAgain, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Everything that the clock can tell about itself.</summary>
    /// <returns>The status now. Never throws.</returns>
    public abstract ClockStatus GetStatus();

    /// <summary>Ends all background work and waits for it. The clock may still be read; nothing corrects it any more.</summary>
    public abstract ValueTask DisposeAsync();

    /// <summary>A time provider that follows this clock, never steps back, and corrects itself slowly.</summary>
    /// <param name="options">The settings, or null for the defaults.</param>
    /// <returns>A provider whose timers and timestamps are monotonic and follow no correction.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public ClockTimeProvider ToTimeProvider(ClockTimeProviderOptions? options = null) => new(this, options);

    /// <summary>The ticks between an estimate and a stamp of the monotonic clock.</summary>
    internal long Elapsed(ClockEstimate estimate, long stamp) => (long)((stamp - estimate.Stamp) * _ticksPerStamp);

    internal double TicksBetween(long from, long to) => (to - from) * _ticksPerStamp;

    internal long ToStamps(long ticks) => (long)(ticks * _stampsPerTick);

    /// <summary>What the estimate is now; for a clock whose estimate is made anew by who reads.</summary>
    private protected virtual ClockEstimate Refreshed() => Estimate;

    /// <summary>Replaces the estimate for all readers, in one step.</summary>
    private protected void Set(ClockEstimate estimate) => Volatile.Write(ref _estimate, estimate);

    /// <summary>Wakes who waits for another estimate.</summary>
    private protected void Wake() =>
        Interlocked.Exchange(ref _changed, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    /// <summary>Tells a change to everybody who wants to know. What a handler throws is given to the caller.</summary>
    private protected void Tell(ClockChange change) => Changed?.Invoke(this, change);

    private async Task WaitAsync(Task change, TimeSpan delay, CancellationToken cancellationToken)
    {
        try
        {
            await change.WaitAsync(delay, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // the next look decides
        }
    }
}
