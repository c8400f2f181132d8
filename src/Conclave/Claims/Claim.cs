using System.Diagnostics.CodeAnalysis;
using Conclave.Storage;

namespace Conclave;

/// <summary>
/// Something this process holds by name: until it is released, or lost. Dispose it to release it.
/// </summary>
/// <remarks>
/// A holder that is unsure has lost: <see cref="IsHeld"/> looks at the clock each time, and turns false before the store may give the claim
/// to anybody else. Send <see cref="Token"/> with every write, so that the resource can refuse one that was under way for too long.
/// </remarks>
public class Claim : IAsyncDisposable
{
    private readonly ClaimHold _hold;
    private readonly Session _session;
    private CancellationTokenSource? _lost;
    private CancellationTokenRegistration _lostLink;
    private TaskCompletionSource<bool>? _release;

    internal Claim(ClaimHold hold) => (_hold, _session) = (hold, hold.Session);

    /// <summary>The name, as it was asked for.</summary>
    public string Name => _hold.Name;

    /// <summary>The fencing token of this grant: larger than that of every earlier exclusive grant of the name.</summary>
    public FencingToken Token => _hold.Token;

    /// <summary>How sure the holder may be, now.</summary>
    public ClaimState State =>
        Volatile.Read(ref _release) is not null ? ClaimState.Released
        : _session.IsLive() ? _session.IsAtRisk() ? ClaimState.AtRisk : ClaimState.Safe
        : _session.LossReason is null ? ClaimState.AtRisk : ClaimState.Lost;

    /// <summary>True while the claim may be believed, now. False once released or lost, and while a disturbed clock makes it uncertain.</summary>
    public bool IsHeld => Volatile.Read(ref _release) is null && _session.IsLive();

    /// <summary>How long the claim may still be believed if no renewal succeeds; zero when it is not held.</summary>
    public TimeSpan SafeTime => IsHeld ? _session.SafeTime : TimeSpan.Zero;

    /// <summary>
    /// Cancelled once, when the claim is lost: give it to whatever works under the claim. It is not cancelled by a release. Callbacks run on
    /// the thread pool.
    /// </summary>
    public CancellationToken Lost
    {
        get
        {
            var source = Volatile.Read(ref _lost);
            if (source is null)
            {
                source = new CancellationTokenSource();
                if (Interlocked.CompareExchange(ref _lost, source, null) is { } earlier)
                {
                    return earlier.Token;
                }

                // let go with the release, so that a long session does not collect the callbacks of short claims
                _lostLink = _session.Lost.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), source);
                if (Volatile.Read(ref _release) is not null)
                {
                    _lostLink.Unregister();
                }
            }

            return source.Token;
        }
    }

    /// <summary>Throws when the claim may not be believed, now.</summary>
    /// <exception cref="ClaimLostException">The claim is lost, uncertain or released.</exception>
    public void ThrowIfLost()
    {
        if (!IsHeld)
        {
            throw new ClaimLostException(Name, Token, Volatile.Read(ref _release) is not null
                ? "it was released"
                : _session.LossReason ?? "the clock is disturbed and the store has not confirmed it yet");
        }
    }

    /// <summary>
    /// Gives the claim up. Only ever removes this claim, never a later one; repeating it does nothing. When the store does not answer, the
    /// release goes on in the background until it is confirmed or the session is over.
    /// </summary>
    /// <param name="cancellationToken">Cancels the wait for the confirmation, not the release.</param>
    /// <returns>True when the claim was still ours until now; false when it had been lost.</returns>
    /// <exception cref="StoreUnavailableException">The store did not confirm within the operation timeout.</exception>
    public ValueTask<bool> ReleaseAsync(CancellationToken cancellationToken = default)
    {
        var release = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        return Interlocked.CompareExchange(ref _release, release, null) is { } earlier
            ? new(earlier.Task.WaitAsync(cancellationToken))
            : ReleaseAsync(release, cancellationToken);
    }

    /// <summary>Gives the claim up like <see cref="ReleaseAsync(CancellationToken)"/>, without ever throwing for trouble with the store.</summary>
    [SuppressMessage("Usage", "CA1816", Justification = "There is no finalizer to suppress; the session ends what nobody released.")]
    public async ValueTask DisposeAsync()
    {
        try
        {
            _ = await ReleaseAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is ConclaveException or OperationCanceledException or ObjectDisposedException)
        {
            // goes on in the background, or the client is disposed and its session with it
        }
    }

    /// <summary>What stands in the store for this claim.</summary>
    internal ClaimHold Hold => _hold;

    /// <summary>Leaves the store's queue.</summary>
    /// <returns>True when the claim was still there to be left.</returns>
    private protected virtual Task<bool> LeaveAsync() => _hold.LeaveAsync();

    /// <summary>The claim is given up, whether or not the store has confirmed it.</summary>
    private protected virtual void OnReleased() => _hold.End();

    private async ValueTask<bool> ReleaseAsync(TaskCompletionSource<bool> release, CancellationToken cancellationToken)
    {
        var coordinator = _hold.Coordinator;
        try
        {
            var leave = LeaveAsync(release);
            if (!leave.IsCompleted)
            {
                coordinator.Track(leave);
                await ((Task)leave).WaitAsync(coordinator.Options.OperationTimeout, coordinator.Time, cancellationToken)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (!leave.IsCompleted)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    throw new StoreUnavailableException(
                        $"The release of '{Name}' is not confirmed yet; it goes on in the background and ends with the session at the latest.");
                }
            }

            return await leave.ConfigureAwait(false);
        }
        finally
        {
            _lostLink.Unregister();
            OnReleased();
            coordinator.Telemetry.Released(_hold.Kind, coordinator.Time.GetElapsedTime(_hold.GrantedAt));
        }
    }

    /// <summary>Leaves the queue, and tells everybody who asked for the release.</summary>
    private async Task<bool> LeaveAsync(TaskCompletionSource<bool> release)
    {
        bool wasOurs = false;
        try
        {
            wasOurs = await LeaveAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // the client is being disposed: its session ends, and the claim with it
        }
        finally
        {
            release.SetResult(wasOurs);
        }

        return wasOurs;
    }
}
