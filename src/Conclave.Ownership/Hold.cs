using System.Diagnostics.CodeAnalysis;
using Conclave.Storage;
using Microsoft.Extensions.Logging;

namespace Conclave.Ownership;

/// <summary>
/// A record in the store that is this process's: refreshed until it is released, passed from one local owner to the next meanwhile, and lost
/// when somebody else has it or when it could not be refreshed in time.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "Disposed with the release, which ends every hold.")]
internal sealed partial class Hold
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Owners _owners;
    private readonly OwnerKeys _keys;
    private readonly string _slug;
    private readonly TimeSpan _lasts;
    private readonly bool _isDoubtful;
    private readonly long _since;
    private readonly Task _refresher;
    private string _owner;
    private KeyState _seen;
    private long _sentAt;
    private Ownership? _holder;
    private string? _lossReason;
    private Task? _release;

    /// <param name="owners">What the owners of the client share.</param>
    /// <param name="options">The intervals.</param>
    /// <param name="owner">Who owns, without the slug.</param>
    /// <param name="slug">The acquisition.</param>
    /// <param name="seen">The answer that shows the record.</param>
    /// <param name="sentAt">No later than the record was written.</param>
    /// <param name="isDoubtful">True when something of the acquisition may still land in the store.</param>
    public Hold(Owners owners, OwnerOptions options, string owner, string slug, KeyState seen, long sentAt, bool isDoubtful)
    {
        (_owners, _keys, _owner, _slug, _seen, _sentAt, _isDoubtful) = (owners, seen.Keys, owner, slug, seen, sentAt, isDoubtful);
        _lasts = options.RefreshInterval;
        _since = Time.GetTimestamp();
        owners.Add(this);
        _refresher = RefreshAsync();
    }

    public string Key => _keys.Key;

    /// <summary>The line of this process.</summary>
    public string Line => _keys.Base;

    public TimeSpan Lasts => _lasts;

    public Owners Owners => _owners;

    private TimeProvider Time => _owners.Time;

    private TimeSpan Left => _lasts - Time.GetElapsedTime(Volatile.Read(ref _sentAt));

    /// <summary>True while nobody else can have it; looks at the clock, so that after a pause of the process the first look tells the truth.</summary>
    public bool IsLive()
    {
        if (Volatile.Read(ref _lossReason) is null && Left <= TimeSpan.Zero)
        {
            Lose("it could not be refreshed in time");
        }

        return Volatile.Read(ref _lossReason) is null;
    }

    /// <summary>Gives it to an owner of this process, the first one or the next.</summary>
    public void Attach(Ownership holder)
    {
        lock (_lock)
        {
            (_holder, _owner) = (holder, holder.Owner);
            if (_lossReason is null)
            {
                return;
            }
        }

        holder.OnLost();
    }

    /// <summary>
    /// Passes it to the next owner of this process, without the store. Where others wait as well, that goes on for one refresh interval and no
    /// longer.
    /// </summary>
    public bool TryPass()
    {
        var previous = Interlocked.Exchange(ref _holder, null);
        if (IsLive() && (Volatile.Read(ref _seen).Waiters.IsEmpty || Time.GetElapsedTime(_since) < _lasts) && _owners.Turns.TryPass(_keys.Base, this))
        {
            return true;
        }

        _ = Interlocked.CompareExchange(ref _holder, previous, null);
        return false;
    }

    /// <summary>Gives it up: the refresher is stopped first, then the store is told. Never throws.</summary>
    public Task ReleaseAsync()
    {
        lock (_lock)
        {
            if (_release is null)
            {
                _holder = null;
                _release = ReleaseOnceAsync();
                _owners.Coordinator.Track(_release);
            }

            return _release;
        }
    }

    /// <summary>Ends it before it was released: tells its owner.</summary>
    public void Lose(string reason)
    {
        Ownership? holder;
        lock (_lock)
        {
            if (_lossReason is not null || _release is not null)
            {
                return;
            }

            Volatile.Write(ref _lossReason, reason);
            holder = _holder;
        }

        _owners.Coordinator.Telemetry.OwnershipLost();
        LogLost(_owners.Logger, _keys.Prefix, _keys.Key, _owner, reason);
        holder?.OnLost();
    }

    private async Task ReleaseOnceAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        await _stop.CancelAsync().ConfigureAwait(false);
        await _refresher.ConfigureAwait(false);
        _stop.Dispose();
        await new Withdrawal(_owners, _keys, _slug, _lasts).RunAsync(_seen, _isDoubtful).ConfigureAwait(false);
        _owners.Remove(this);
        _owners.Coordinator.Telemetry.Released(OwnerKeys.Kind, Time.GetElapsedTime(_since));
    }

    private async Task RefreshAsync()
    {
        try
        {
            var first = _lasts / 16;
            var retry = first;
            var pause = (_lasts / 2) - Time.GetElapsedTime(_sentAt);
            while (await PauseAsync(pause).ConfigureAwait(false))
            {
                switch (await TryRefreshAsync().ConfigureAwait(false))
                {
                    case true:
                        pause = (_lasts / 2) - Time.GetElapsedTime(_sentAt);
                        retry = first;
                        break;
                    case false:
                        pause = Backoff.Jitter(retry);
                        retry = first * 2;
                        break;
                    default:
                        pause = TimeSpan.Zero;
                        break;
                }
            }
        }
        catch (Exception e)
        {
            // nobody refreshes any more, so nobody may believe any more
            Lose($"its refreshing ended unexpectedly ({e.GetType().Name})");
        }
    }

    /// <summary>Waits for the next refresh, or the deadline. False when there is nothing more to refresh.</summary>
    private async ValueTask<bool> PauseAsync(TimeSpan pause)
    {
        var left = Backoff.RoundUp(Left);
        pause = pause < left ? pause : left;
        await Task.Delay(pause > TimeSpan.Zero ? pause : TimeSpan.Zero, Time, _stop.Token)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        return !_stop.IsCancellationRequested && IsLive();
    }

    /// <summary>Refreshes once. Null when it is to be tried again at once, by what is known now.</summary>
    private async ValueTask<bool?> TryRefreshAsync()
    {
        var left = Left < _owners.Coordinator.Options.OperationTimeout ? Left : _owners.Coordinator.Options.OperationTimeout;
        using var limit = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, Time);
        try
        {
            // before its expiry is computed: whoever reads that must not believe less than we do
            long sentAt = Time.GetTimestamp();
            var record = OwnerRecord.Of($"{Volatile.Read(ref _owner)}#{_slug}", Time.GetUtcNow(), _lasts).ToBytes();
            var commit = _owners.CommitAsync(_keys, Moves.Refresh(_seen, record), limit.Token);

            // a provider that ignores its token must not delay the loss
            var answer = await (commit.IsCompleted ? commit : new(commit.AsTask().Observed().WaitAsync(limit.Token))).ConfigureAwait(false);
            if (!answer.IsOwnedBy(_slug))
            {
                Lose(answer.Record is { IsReleased: false } other ? $"'{other.Owner}' has taken it" : "its record is gone");
                return false;
            }

            Volatile.Write(ref _seen, answer);
            if (answer.Accepted)
            {
                // a late answer extends nothing: the deadline that stood while it was under way decides
                if (IsLive())
                {
                    Volatile.Write(ref _sentAt, sentAt);
                }

                return true;
            }

            // a refresh of ours whose answer was lost has landed since: the next one goes by the record as it is
            return null;
        }
        catch (Exception e) when (e is ConclaveException or OperationCanceledException)
        {
            LogNotRefreshed(_owners.Logger, e, _keys.Prefix, _keys.Key, Left);
            return false;
        }
    }

    public void LogCallbackFailed(Exception exception) => LogCallbackFailed(_owners.Logger, exception, _keys.Prefix, _keys.Key);

    [LoggerMessage(42, LogLevel.Warning, "The ownership of '{Key}' of '{Prefix}' by '{Owner}' is lost: {Reason}")]
    private static partial void LogLost(ILogger logger, string prefix, string key, string owner, string reason);

    [LoggerMessage(44, LogLevel.Error, "A callback on the loss of '{Key}' of '{Prefix}' failed")]
    private static partial void LogCallbackFailed(ILogger logger, Exception exception, string prefix, string key);

    [LoggerMessage(43, LogLevel.Information, "The ownership of '{Key}' of '{Prefix}' could not be refreshed, {Left} left")]
    private static partial void LogNotRefreshed(ILogger logger, Exception exception, string prefix, string key, TimeSpan left);
}
