using System.Globalization;

namespace Conclave.Timekeeping;

/// <summary>
/// A clock that is told the time: by a test, or by a source of your own, such as ClockBound, PTP or a GPS receiver. Between what it is told it
/// follows the monotonic clock, and its bound grows by the drift.
/// </summary>
public sealed class ManualClock : SynchronizedClock
{
    private readonly double _drift;
    private readonly Lock _gate = new();
    private long _toldAt;
    private bool _wasTold;

    /// <summary>Creates a clock that has been told nothing yet: it is unsynchronized, and shows the wall clock.</summary>
    /// <param name="timeProvider">The monotonic clock; or null for that of the system, which counts suspend where it can.</param>
    /// <param name="drift">What the monotonic clock may gain or lose, as a share of the time; from 0 to 0.01. 50 ppm is 0.00005.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="drift"/> is out of its range.</exception>
    public ManualClock(TimeProvider? timeProvider = null, double drift = 50e-6)
        : base(timeProvider ?? new BootTimeProvider(), recent: false)
    {
        if (drift is not (>= 0 and <= 0.01))
        {
            throw new ArgumentOutOfRangeException(nameof(drift), drift, "drift must be from 0 to 0.01 (50 ppm is 0.00005).");
        }

        _drift = drift;
    }

    /// <summary>Tells the time, now.</summary>
    /// <param name="time">The time.</param>
    /// <param name="uncertainty">How far from it the truth may be; not negative. Nobody knows the time exactly: zero is for tests.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="uncertainty"/> is negative.</exception>
    public void Set(DateTimeOffset time, TimeSpan uncertainty)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(uncertainty, TimeSpan.Zero);
        Change(uncertainty.Ticks, ClockState.Synchronized, time.UtcTicks);
    }

    /// <summary>Tells that the source is silent, or is not to be trusted. The time goes on as it was.</summary>
    /// <param name="state">Holdover keeps the bound, which grows; every other state takes it away.</param>
    /// <exception cref="ArgumentOutOfRangeException">The state is <see cref="ClockState.Synchronized"/>, for which <see cref="Set"/> is there, or none.</exception>
    /// <exception cref="InvalidOperationException">Holdover of a clock that has no bound.</exception>
    public void Lose(ClockState state)
    {
        if (state is not (ClockState.Unsynchronized or ClockState.Holdover or ClockState.Untrusted))
        {
            throw new ArgumentOutOfRangeException(nameof(state), state, "A clock can become unsynchronized, untrusted, or go into holdover; to synchronize it, set it.");
        }

        Change(-1, state, null);
    }

    /// <inheritdoc/>
    public override ClockStatus GetStatus()
    {
        var reading = Read();
        TimeSpan? age = _wasTold ? Time.GetElapsedTime(Volatile.Read(ref _toldAt)) : null;
        return new(reading, reading.Time - Time.GetUtcNow(), age, [], string.Create(CultureInfo.InvariantCulture, $"the clock was told to be {reading.State}"));
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Change(long bound, ClockState state, long? time)
    {
        ClockState before;
        lock (_gate)
        {
            long stamp = Time.GetTimestamp();
            before = Estimate.State;
            if (state == ClockState.Holdover)
            {
                Set(Estimate.IsBounded ? Estimate.InHoldover() : throw new InvalidOperationException("A clock without a bound has nothing to hold over."));
            }
            else
            {
                Set(new ClockEstimate
                {
                    Stamp = stamp,
                    Ticks = time ?? Estimate.Ticks + Elapsed(Estimate, stamp),
                    Below = bound,
                    Above = bound,
                    Drift = _drift,
                    State = state,
                });
            }

            _wasTold |= time is not null;
            Volatile.Write(ref _toldAt, time is null ? _toldAt : stamp);
        }

        Wake();
        if (before != state)
        {
            Tell(new(before, state, null, $"the clock was told to be {state}"));
        }
    }
}
