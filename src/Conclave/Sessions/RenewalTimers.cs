namespace Conclave;

/// <summary>
/// A clock whose timers fire on a thread of its own, so that renewals go out although every thread of the pool is busy or blocked.
/// Only for renewals: whatever continues from such a timer runs on that thread and must not be a user's code.
/// </summary>
internal sealed class RenewalTimers : TimeProvider, IAsyncDisposable
{
    // a wait of the operating system does not count suspended time: look at the boot clock now and then
    private static readonly TimeSpan LongestSleep = TimeSpan.FromSeconds(5);

    private readonly object _lock = new();
    private readonly TimeProvider _clock;
    private readonly PriorityQueue<(Timer Timer, int Version), long> _due = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Thread? _thread;
    private bool _stopping;

    private RenewalTimers(TimeProvider clock) => _clock = clock;

    public override long TimestampFrequency => _clock.TimestampFrequency;

    /// <summary>The timers for renewals: an own thread for the real clock, the given clock's own timers for any other.</summary>
    public static TimeProvider For(TimeProvider clock) => clock is BootTimeProvider ? new RenewalTimers(clock) : clock;

    public override long GetTimestamp() => _clock.GetTimestamp();

    public override DateTimeOffset GetUtcNow() => _clock.GetUtcNow();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, () => callback(state));
        _ = timer.Change(dueTime, period);
        return timer;
    }

    public async ValueTask DisposeAsync()
    {
        bool started;
        lock (_lock)
        {
            _stopping = true;
            started = _thread is not null;
            Monitor.Pulse(_lock);
        }

        // the thread itself may be what disposes us
        if (started && Thread.CurrentThread != _thread)
        {
            await _ended.Task.ConfigureAwait(false);
        }
    }

    private void Schedule(Timer timer, int version, TimeSpan dueTime)
    {
        lock (_lock)
        {
            _due.Enqueue((timer, version), GetTimestamp() + (long)(dueTime.TotalSeconds * TimestampFrequency));
            if (_thread is null)
            {
                _thread = new Thread(Run) { IsBackground = true, Name = "Conclave renewals" };
                _thread.Start();
            }

            Monitor.Pulse(_lock);
        }
    }

    private void Run()
    {
        while (NextDue() is { } due)
        {
            due.Timer.Fire(due.Version);
        }

        _ended.SetResult();
    }

    private (Timer Timer, int Version)? NextDue()
    {
        lock (_lock)
        {
            while (!_stopping)
            {
                var sleep = LongestSleep;
                if (_due.TryPeek(out var next, out long at))
                {
                    var left = this.GetElapsedTime(GetTimestamp(), at);
                    if (left <= TimeSpan.Zero)
                    {
                        _due.Dequeue();
                        return next;
                    }

                    sleep = left < sleep ? left : sleep;
                }

                // this thread is ours alone, nobody's work waits behind it
                _ = Monitor.Wait(_lock, (int)Math.Ceiling(sleep.TotalMilliseconds));
            }

            return null;
        }
    }

    private sealed class Timer(RenewalTimers owner, Action callback) : ITimer
    {
        private int _version;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (period != Timeout.InfiniteTimeSpan)
            {
                throw new NotSupportedException("Renewal timers fire once.");
            }

            int version = Interlocked.Increment(ref _version);
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                owner.Schedule(this, version, dueTime);
            }

            return true;
        }

        public void Fire(int version)
        {
            if (Volatile.Read(ref _version) == version)
            {
                callback();
            }
        }

        public void Dispose() => Interlocked.Increment(ref _version);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
