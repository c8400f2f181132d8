using Conclave.Storage;
using Microsoft.Extensions.Logging;

namespace Conclave.Consul;

/// <summary>The blocking query of one prefix, open while somebody waits for it.</summary>
/// <remarks>
/// The index of an answer is the last change under the prefix, put or delete. Only for a prefix that holds nothing, and where nothing was deleted
/// for a quarter of an hour, it is that of all keys of the datacenter: then waits end for no reason, at a measured pace.
/// </remarks>
internal sealed partial class PrefixWatch(PrefixWatches owner, string path)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestErrorPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestEmptyPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Busy = TimeSpan.FromSeconds(1);

    private readonly ILogger _logger = owner.Logger;
    private readonly List<Waiter> _waiters = [];
    private Task _running = Task.CompletedTask;
    private long _lastUse;
    private long _lastEmpty;
    private TimeSpan _pause = FirstPause;
    private bool _isRunning;

    /// <summary>Changes after this index are not known yet.</summary>
    private long _index;

    public ValueTask<long> Wait(long afterRevision, CancellationToken cancellationToken)
    {
        _lastUse = owner.Time.GetTimestamp();
        if (_index > afterRevision)
        {
            return new(_index);
        }

        var waiter = new Waiter(this, afterRevision);
        _waiters.Add(waiter);
        waiter.Arm(owner.Time, owner.MaxSilence, cancellationToken);
        if (!_isRunning)
        {
            // the first one says from where on changes are wanted; the server compares with that
            _index = afterRevision;
            _isRunning = true;
            _running = RunAsync(_running);
        }

        return new(waiter.Task);
    }

    public bool IsIdle(TimeSpan span) => !_isRunning && _waiters.Count == 0 && owner.Time.GetElapsedTime(_lastUse) > span;

    public Task Stop()
    {
        foreach (var waiter in _waiters)
        {
            waiter.End(new ObjectDisposedException(nameof(ConsulStore)));
        }

        return _running;
    }

    private async Task RunAsync(Task before)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var errorPause = FirstPause;
        while (true)
        {
            long index;
            lock (owner.Lock)
            {
                // a woken waiter that waits again finds what is known, and opens another query
                _isRunning = _waiters.Count > 0 && !owner.Stopping.IsCancellationRequested;
                if (!_isRunning)
                {
                    return;
                }

                index = _index;
            }

            var pause = TimeSpan.Zero;
            try
            {
                var answer = await owner.QueryAsync(path, index).ConfigureAwait(false);
                pause = Publish(answer, index);
                errorPause = FirstPause;
            }
            catch (Exception e) when (e is ConclaveException or OperationCanceledException or ObjectDisposedException)
            {
                if (!owner.Stopping.IsCancellationRequested)
                {
                    LogQueryFailed(e, owner.Address);
                }

                pause = errorPause * (0.75 + (Random.Shared.NextDouble() / 2));
                errorPause = errorPause * 2 < LongestErrorPause ? errorPause * 2 : LongestErrorPause;
            }

            if (pause > TimeSpan.Zero)
            {
                await Task.Delay(pause, owner.Time, owner.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <returns>How long to pause before the next question.</returns>
    private TimeSpan Publish(ConsulAnswer answer, long asked)
    {
        if (answer.Index <= asked)
        {
            // the time is over. An index may go back: deletions are forgotten after a quarter of an hour.
            _pause = FirstPause;
            return TimeSpan.Zero;
        }

        owner.Committer.Learn(answer.Index);
        lock (owner.Lock)
        {
            _index = Math.Max(_index, answer.Index);

            // Removed at once, not when they get to run: with nobody left there must be no other query, which would keep its connection for seconds.
            _waiters.RemoveAll(waiter =>
            {
                bool isWoken = waiter.After < _index;
                if (isWoken)
                {
                    waiter.Complete(_index);
                }

                return isWoken;
            });
        }

        if (answer.Status != 404)
        {
            (_pause, _lastEmpty) = (FirstPause, 0);
            return TimeSpan.Zero;
        }

        bool isBusy = _lastEmpty != 0 && owner.Time.GetElapsedTime(_lastEmpty) < Busy;
        _lastEmpty = owner.Time.GetTimestamp();
        _pause = !isBusy ? FirstPause : _pause * 2 < LongestEmptyPause ? _pause * 2 : LongestEmptyPause;
        return isBusy ? _pause : TimeSpan.Zero;
    }

    private void Remove(Waiter waiter)
    {
        lock (owner.Lock)
        {
            _waiters.Remove(waiter);
            _lastUse = owner.Time.GetTimestamp();
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "A blocking query of Consul at {Address} failed and is asked again.")]
    private partial void LogQueryFailed(Exception exception, string address);

    private sealed class Waiter(PrefixWatch owner, long after)
    {
        private readonly TaskCompletionSource<long> _source = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private ITimer? _timer;
        private CancellationTokenRegistration _registration;

        public long After => after;

        public Task<long> Task { get; private set; } = null!;

        public void Arm(TimeProvider time, TimeSpan maxSilence, CancellationToken cancellationToken)
        {
            Task = FinishAsync();
            _timer = time.CreateTimer(static waiter => ((Waiter)waiter!).Silence(), this, maxSilence, Timeout.InfiniteTimeSpan);
            _registration = cancellationToken.UnsafeRegister(static (waiter, token) => ((Waiter)waiter!)._source.TrySetCanceled(token), this);
        }

        public void Complete(long index) => _source.TrySetResult(index);

        public void End(Exception exception) => _source.TrySetException(exception);

        private void Silence() => Complete(after);

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
