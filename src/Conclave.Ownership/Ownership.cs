using System.Diagnostics.CodeAnalysis;

namespace Conclave.Ownership;

/// <summary>
/// A key that is usually ours alone: until it is disposed, or lost. It has no fencing token, on purpose: where a second owner would do harm,
/// take a lock.
/// </summary>
public sealed class Ownership : IAsyncDisposable
{
    private readonly Hold _hold;
    private readonly CancellationTokenSource _lost = new();
    private Task? _disposal;

    internal Ownership(Hold hold, string owner)
    {
        (_hold, Owner) = (hold, owner);
        hold.Attach(this);
    }

    /// <summary>The key.</summary>
    public string Key => _hold.Key;

    /// <summary>The owner, as it was given.</summary>
    public string Owner { get; }

    /// <summary>
    /// Cancelled once, when somebody else has taken the key, or may have because it could not be refreshed in time. What to do then is the
    /// caller's choice: the work was safe to do twice. It is not cancelled by <see cref="DisposeAsync"/>. Callbacks run on the thread pool.
    /// </summary>
    public CancellationToken Lost
    {
        get
        {
            if (Volatile.Read(ref _disposal) is null)
            {
                _ = _hold.IsLive();
            }

            return _lost.Token;
        }
    }

    /// <summary>
    /// Gives the key up: to the next in line of this process, without asking the store, or to the next process that waits. Removes nothing that
    /// is not its own. Waits for the store for one refresh interval at most, and goes on in the background; never throws for trouble with it.
    /// </summary>
    [SuppressMessage("Usage", "CA1816", Justification = "There is no finalizer to suppress; what nobody gives up lapses by itself.")]
    public ValueTask DisposeAsync()
    {
        var disposal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return Interlocked.CompareExchange(ref _disposal, disposal.Task, null) is { } earlier ? new(earlier) : GiveUpAsync(disposal);
    }

    internal void OnLost() => _hold.Owners.Coordinator.Track(SignalAsync());

    private async ValueTask GiveUpAsync(TaskCompletionSource disposal)
    {
        try
        {
            if (!_hold.TryPass())
            {
                var release = EndTurnAsync();
                _hold.Owners.Coordinator.Track(release);
                await release.WaitAsync(_hold.Lasts, _hold.Owners.Time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        finally
        {
            disposal.SetResult();
        }
    }

    private async Task EndTurnAsync()
    {
        await _hold.ReleaseAsync().ConfigureAwait(false);
        _hold.Owners.Turns.Exit(_hold.Line);
    }

    private async Task SignalAsync()
    {
        try
        {
            await _lost.CancelAsync().ConfigureAwait(false);
        }
        catch (AggregateException e)
        {
            _hold.LogCallbackFailed(e);
        }
    }
}
