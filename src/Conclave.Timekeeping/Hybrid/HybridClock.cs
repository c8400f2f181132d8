namespace Conclave.Timekeeping;

/// <summary>
/// A hybrid logical clock: timestamps that are close to the time, and that always grow from cause to effect, between processes too, if every
/// message carries one. All members may be called concurrently; nothing locks.
/// </summary>
/// <remarks>
/// Source: Kulkarni, Demirbas, Madappa, Avva and Leone, "Logical Physical Clocks" (OPODIS 2014); the guard against clocks that are far ahead is
/// that of CockroachDB. More than 65,536 timestamps within a millisecond run over into the next one.
/// </remarks>
public sealed class HybridClock
{
    private static readonly long UnixEpoch = DateTimeOffset.UnixEpoch.UtcTicks;

    private readonly SynchronizedClock? _clock;
    private readonly TimeProvider? _time;
    private readonly TimeSpan _maxOffset;
    private ulong _last;

    /// <summary>Creates a clock over a synchronized one.</summary>
    /// <param name="clock">Tells the time; it is not disposed.</param>
    /// <param name="options">The settings, or null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public HybridClock(SynchronizedClock clock, HybridClockOptions? options = null)
        : this(options)
    {
        ArgumentNullException.ThrowIfNull(clock);
        _clock = clock;
    }

    /// <summary>Creates a clock over any time.</summary>
    /// <param name="timeProvider">Tells the time.</param>
    /// <param name="options">The settings, or null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of its range.</exception>
    public HybridClock(TimeProvider timeProvider, HybridClockOptions? options = null)
        : this(options)
    {
        ArgumentNullException.ThrowIfNull(timeProvider);
        _time = timeProvider;
    }

    private HybridClock(HybridClockOptions? options)
    {
        options ??= new();
        options.Check();
        (_maxOffset, _last) = (options.MaxOffset, options.StartAfter.Value);
    }

    /// <summary>The last timestamp that was given out or received.</summary>
    public HybridTimestamp Last => new(Volatile.Read(ref _last));

    /// <summary>Stamps something that happens here: an event, or a message that is sent.</summary>
    /// <returns>A timestamp that is larger than all that this clock gave out or received before.</returns>
    public HybridTimestamp Tick() => After(0, Physical());

    /// <summary>Takes note of a timestamp that came with a message, and stamps its arrival.</summary>
    /// <param name="received">The timestamp of the message.</param>
    /// <returns>A timestamp that is larger than the received one and than all that this clock gave out or received before.</returns>
    /// <exception cref="ClockOffsetException">It is further ahead than <see cref="HybridClockOptions.MaxOffset"/>; this clock is unchanged.</exception>
    public HybridTimestamp Receive(HybridTimestamp received) =>
        TryReceive(received, out var timestamp) ? timestamp : throw new ClockOffsetException(received, received.Time - new HybridTimestamp(Physical()).Time, _maxOffset);

    /// <summary>Takes note of a timestamp that came with a message, and stamps its arrival.</summary>
    /// <param name="received">The timestamp of the message.</param>
    /// <param name="timestamp">A timestamp that is larger than the received one and than all that this clock gave out or received before.</param>
    /// <returns>False if it is further ahead than <see cref="HybridClockOptions.MaxOffset"/>; this clock is unchanged.</returns>
    public bool TryReceive(HybridTimestamp received, out HybridTimestamp timestamp)
    {
        ulong physical = Physical();
        ulong most = physical + ((ulong)_maxOffset.TotalMilliseconds << HybridTimestamp.LogicalBits) + ushort.MaxValue;
        if (received.Value > most)
        {
            timestamp = default;
            return false;
        }

        timestamp = After(received.Value, physical);
        return true;
    }

    private HybridTimestamp After(ulong received, ulong physical)
    {
        ulong last = Volatile.Read(ref _last);
        while (true)
        {
            ulong next = Math.Max(Math.Max(last, received) + 1, physical);
            ulong seen = Interlocked.CompareExchange(ref _last, next, last);
            if (seen == last)
            {
                return new(next);
            }

            last = seen;
        }
    }

    /// <summary>The time, without a count.</summary>
    private ulong Physical()
    {
        long ticks = _clock is null ? _time!.GetUtcNow().UtcTicks : _clock.Read().Ticks;
        return (ulong)Math.Max(0, (ticks - UnixEpoch) / TimeSpan.TicksPerMillisecond) << HybridTimestamp.LogicalBits;
    }
}
