namespace Conclave.Storage;

/// <summary>
/// For providers: who waits for changes under which prefix, and which keys changed lately. A provider publishes every change it makes or
/// hears of, in revision order, and answers <see cref="IStore.WaitForChangeAsync"/> with <see cref="WaitAsync"/>.
/// </summary>
public sealed class ChangeHints : IDisposable
{
    private const int Remembered = 1024;

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly TimeSpan _maxSilence;

    // grows to what is remembered: a client that hears of little keeps little
    private (string Key, long Revision)[] _recent = new (string, long)[16];
    private readonly Dictionary<string, List<Waiter>> _byPrefix = [];
    private readonly Dictionary<string, List<Waiter>>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly SortedDictionary<int, int> _lengths = [];
    private long _published;
    private long _forgotten;
    private long _revision;
    private int _waiters;
    private bool _disposed;

    /// <summary>Creates the registry.</summary>
    /// <param name="time">The clock of the longest silence.</param>
    /// <param name="maxSilence">After this long every wait completes for no reason.</param>
    public ChangeHints(TimeProvider time, TimeSpan maxSilence)
    {
        (_time, _maxSilence) = (time, maxSilence);
        _lookup = _byPrefix.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>How many waits are pending.</summary>
    public int Waiters => Volatile.Read(ref _waiters);

    /// <summary>The revision up to which changes are known.</summary>
    public long Revision => Volatile.Read(ref _revision);

    /// <summary>Says that a key was put or deleted, and wakes who waits for it. To be called in the order of revisions.</summary>
    /// <param name="key">The key.</param>
    /// <param name="revision">The revision of the change; visible to readers already.</param>
    public void Publish(string key, long revision)
    {
        lock (_lock)
        {
            if (_published == _recent.Length && _published < Remembered)
            {
                Array.Resize(ref _recent, _recent.Length * 2);
            }

            ref var slot = ref _recent[_published++ % _recent.Length];
            _forgotten = Math.Max(_forgotten, slot.Revision);
            slot = (key, revision);
            _revision = Math.Max(_revision, revision);
            if (_waiters > 0)
            {
                Wake(key);
            }
        }
    }

    /// <summary>Says that changes up to a revision may have been missed: everybody who read before it is woken.</summary>
    /// <param name="revision">The revision.</param>
    public void Forget(long revision)
    {
        lock (_lock)
        {
            _revision = Math.Max(_revision, revision);
            _forgotten = _revision;
            foreach (var waiters in _byPrefix.Values)
            {
                WakeAll(waiters);
            }
        }
    }

    /// <summary>Waits for a change under a prefix, or the longest silence.</summary>
    /// <param name="prefix">The prefix.</param>
    /// <param name="afterRevision">The revision of the caller's last read.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>The revision to pass next time.</returns>
    /// <exception cref="ArgumentException">The prefix is too long or not well-formed.</exception>
    /// <exception cref="ObjectDisposedException">The store is disposed.</exception>
    public ValueTask<long> WaitAsync(string prefix, long afterRevision, CancellationToken cancellationToken)
    {
        StoreLimits.CheckPrefix(prefix);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (afterRevision < _forgotten || ChangedSince(prefix, afterRevision))
            {
                return new(_revision);
            }

            var waiter = new Waiter(this, prefix);
            if (!_byPrefix.TryGetValue(prefix, out var waiters))
            {
                _byPrefix.Add(prefix, waiters = []);
                _lengths[prefix.Length] = _lengths.GetValueOrDefault(prefix.Length) + 1;
            }

            waiters.Add(waiter);
            _waiters++;
            waiter.Arm(_time, _maxSilence, cancellationToken);
            return new(waiter.Task);
        }
    }

    /// <summary>Ends every wait with <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            foreach (var waiters in _byPrefix.Values)
            {
                foreach (var waiter in waiters)
                {
                    waiter.End(new ObjectDisposedException(nameof(IStore)));
                }
            }

            _byPrefix.Clear();
            _lengths.Clear();
            _waiters = 0;
        }
    }

    private bool ChangedSince(string prefix, long afterRevision)
    {
        for (long i = _published - 1; i >= 0 && i >= _published - _recent.Length; i--)
        {
            ref var change = ref _recent[i % _recent.Length];
            if (change.Revision <= afterRevision)
            {
                return false;
            }

            if (change.Key.StartsWith(prefix, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    private void Wake(string key)
    {
        foreach (int length in _lengths.Keys)
        {
            if (length > key.Length)
            {
                return;
            }

            if (_lookup.TryGetValue(key.AsSpan(0, length), out var waiters))
            {
                WakeAll(waiters);
            }
        }
    }

    private void WakeAll(List<Waiter> waiters)
    {
        // a woken waiter unregisters itself, on another thread or on this one after the lock
        foreach (var waiter in waiters)
        {
            waiter.Complete(_revision);
        }
    }

    private void Remove(Waiter waiter)
    {
        lock (_lock)
        {
            if (_byPrefix.TryGetValue(waiter.Prefix, out var waiters) && waiters.Remove(waiter))
            {
                _waiters--;
                if (waiters.Count == 0)
                {
                    _byPrefix.Remove(waiter.Prefix);
                    if (--_lengths[waiter.Prefix.Length] == 0)
                    {
                        _lengths.Remove(waiter.Prefix.Length);
                    }
                }
            }
        }
    }

    private sealed class Waiter(ChangeHints owner, string prefix)
    {
        private readonly TaskCompletionSource<long> _source = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private ITimer? _timer;
        private CancellationTokenRegistration _registration;

        public string Prefix => prefix;

        public Task<long> Task { get; private set; } = null!;

        public void Arm(TimeProvider time, TimeSpan maxSilence, CancellationToken cancellationToken)
        {
            Task = FinishAsync();
            _timer = time.CreateTimer(static waiter => ((Waiter)waiter!).Silence(), this, maxSilence, Timeout.InfiniteTimeSpan);
            _registration = cancellationToken.UnsafeRegister(
                static (waiter, token) => ((Waiter)waiter!)._source.TrySetCanceled(token), this);
        }

        public void Complete(long revision) => _source.TrySetResult(revision);

        public void End(Exception exception) => _source.TrySetException(exception);

        private void Silence() => Complete(owner.Revision);

        private async Task<long> FinishAsync()
        {
            try
            {
                return await _source.Task.ConfigureAwait(false);
            }
            finally
            {
                owner.Remove(this);
                if (_timer is not null)
                {
                    await _timer.DisposeAsync().ConfigureAwait(false);
                }

                // not DisposeAsync: the callback may be the very thing that completed us
                _registration.Unregister();
            }
        }
    }
}
