using System.Diagnostics.CodeAnalysis;
using Conclave.Storage;

namespace Conclave;

/// <summary>
/// The readers of this process, which share one contender per name: the first one joins the queue, later ones come along as long as no writer
/// stands behind it. Whether one does is read from the store for everybody who comes along, in one reading for all who come together.
/// </summary>
internal sealed class ReaderGroups(Coordinator coordinator)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ReaderGroup> _newest = new(StringComparer.Ordinal);

    public async ValueTask<Claim?> AcquireAsync(ClaimQueue queue, TimeSpan timeout, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        long startedAt = coordinator.Time.GetTimestamp();
        while (true)
        {
            var (group, isNew) = Enter(queue);
            bool stays = false;
            try
            {
                if (isNew || await group.MayComeAlongAsync(cancellationToken).ConfigureAwait(false))
                {
                    var left = timeout <= TimeSpan.Zero ? timeout : timeout - coordinator.Time.GetElapsedTime(startedAt);
                    if (await group.WaitAsync(left < TimeSpan.Zero && timeout > TimeSpan.Zero ? TimeSpan.Zero : left, cancellationToken).ConfigureAwait(false) is not { } hold)
                    {
                        return null;
                    }

                    if (hold.Session.IsLive())
                    {
                        stays = true;
                        return new ReaderClaim(group, hold);
                    }
                }

                // a writer stands behind the group, or its session has ended: whoever comes now begins a group of their own
                Forget(group);
            }
            finally
            {
                if (!stays)
                {
                    coordinator.Track(group.LeaveAsync());
                }
            }
        }
    }

    /// <summary>No more readers come along.</summary>
    public void Forget(ReaderGroup group)
    {
        lock (_lock)
        {
            if (_newest.GetValueOrDefault(group.Prefix) == group)
            {
                _newest.Remove(group.Prefix);
            }
        }
    }

    private (ReaderGroup Group, bool IsNew) Enter(ClaimQueue queue)
    {
        string prefix = queue.Prefixes[0];
        lock (_lock)
        {
            if (_newest.TryGetValue(prefix, out var newest) && !coordinator.Gates.IsWantedAlone(prefix) && newest.TryEnter())
            {
                return (newest, false);
            }

            var group = new ReaderGroup(this, coordinator, queue);
            _newest[prefix] = group;
            return (group, true);
        }
    }
}

/// <summary>Readers of one process that share one contender.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The last reader that leaves disposes it.")]
internal sealed class ReaderGroup : IAcquisitionWatcher
{
    private readonly Lock _lock = new();
    private readonly ReaderGroups _groups;
    private readonly Coordinator _coordinator;
    private readonly ClaimQueue _queue;
    private readonly CancellationTokenSource _abandoned = new();
    private readonly TaskCompletionSource _mustWait = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task<ClaimHold?> _acquiring;
    private Task<bool>? _check;
    private Task<bool>? _nextCheck;
    private string[]? _keys;
    private int _readers = 1;

    public ReaderGroup(ReaderGroups groups, Coordinator coordinator, ClaimQueue queue)
    {
        (_groups, _coordinator, _queue) = (groups, coordinator, queue);
        _acquiring = Task.Run(() => queue.AcquireAsync(ClaimRule.Shared, Timeout.InfiniteTimeSpan, watcher: this, cancellationToken: _abandoned.Token).AsTask()).Observed();
    }

    public string Prefix => _queue.Prefixes[0];

    public void OnJoining(string[] keys) => Volatile.Write(ref _keys, keys);

    public void OnMustWait() => _mustWait.TrySetResult();

    /// <summary>Counts one more reader, unless the last one has left.</summary>
    public bool TryEnter()
    {
        lock (_lock)
        {
            bool open = _readers > 0 && _acquiring is not { IsCompleted: true, IsCompletedSuccessfully: false };
            _readers += open ? 1 : 0;
            return open;
        }
    }

    /// <summary>Whether no writer stands behind the group, in a reading that began after this call.</summary>
    public Task<bool> MayComeAlongAsync(CancellationToken cancellationToken)
    {
        Task<bool> check;
        lock (_lock)
        {
            // the one that is under way may have been answered already: wait for the next, together with all who come until then
            check = _check is null or { IsCompleted: true } ? _check = CheckAsync(null).Observed() : _nextCheck ??= CheckAsync(_check).Observed();
        }

        return check.WaitAsync(cancellationToken);
    }

    /// <summary>Waits for the grant; null when the timeout came first, or when zero did not do.</summary>
    public async ValueTask<ClaimHold?> WaitAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (timeout != TimeSpan.Zero)
        {
            try
            {
                return await _acquiring.WaitAsync(timeout, _coordinator.Time, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException) when (!_acquiring.IsCompleted)
            {
                // too late
            }
        }

        // where the store has not even answered the join, nobody can say that the lock is taken: that ends with the operation timeout
        _ = await Task.WhenAny(_acquiring, _mustWait.Task).WaitAsync(cancellationToken).ConfigureAwait(false);
        return _acquiring.IsCompleted ? await _acquiring.ConfigureAwait(false) : null;
    }

    /// <summary>One reader less; with the last one the group leaves the queue.</summary>
    /// <returns>True when the contender was ours until now.</returns>
    public async Task<bool> LeaveAsync()
    {
        lock (_lock)
        {
            if (--_readers > 0)
            {
                return _acquiring is { IsCompletedSuccessfully: true, Result: { } shared } && shared.Session.IsLive();
            }
        }

        _groups.Forget(this);
        await _abandoned.CancelAsync().ConfigureAwait(false);
        await ((Task)_acquiring).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _abandoned.Dispose();
        if (_acquiring is not { IsCompletedSuccessfully: true, Result: { } hold })
        {
            return false;
        }

        try
        {
            return await hold.LeaveAsync().ConfigureAwait(false);
        }
        finally
        {
            hold.End();
        }
    }

    private async Task<bool> CheckAsync(Task<bool>? before)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        if (before is not null)
        {
            await ((Task)before).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            lock (_lock)
            {
                (_check, _nextCheck) = (_nextCheck, null);
            }
        }

        CommitResult result;
        try
        {
            result = await _queue.ReadAsync(_coordinator.Stopping).ConfigureAwait(false);
        }
        catch (ConclaveException e) when (e.IsTransient)
        {
            // to join by oneself survives an outage
            return false;
        }

        // keys are told before the join is sent: one that is not in the answer joins later than everybody in it
        string? key = Volatile.Read(ref _keys)?[0];
        var queue = result.Reads[0];
        var mine = queue.FirstOrDefault(e => e.Key == key);
        return mine is null || !queue.Any(e => Verdict.IsAhead(mine, e) && ClaimRule.Parse(e.Value.Span, out _).Kind == ClaimRuleKind.Exclusive);
    }
}

/// <summary>One reader's claim.</summary>
internal sealed class ReaderClaim(ReaderGroup group, ClaimHold hold) : Claim(hold)
{
    private protected override Task<bool> LeaveAsync() => group.LeaveAsync();

    private protected override void OnReleased()
    {
        // the group gives up what its readers share
    }
}
