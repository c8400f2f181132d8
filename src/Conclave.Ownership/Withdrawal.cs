using Conclave.Storage;
using Microsoft.Extensions.Logging;

namespace Conclave.Ownership;

/// <summary>
/// The end of an acquisition, however it went: nothing of it stays in the store, and nothing of anybody else is touched. Nobody waits for it for
/// longer than the operation timeout; where the store is away for that long, it goes on in the background. What it has not reached when its
/// client is disposed lapses by itself.
/// </summary>
/// <param name="owners">What the owners of the client share.</param>
/// <param name="keys">The key.</param>
/// <param name="slug">The acquisition.</param>
/// <param name="lasts">For how long its record is good: after a disposal of the client, it tries no longer than that.</param>
internal sealed partial class Withdrawal(Owners owners, OwnerKeys keys, string slug, TimeSpan lasts)
{
    private Coordinator Coordinator => owners.Coordinator;

    /// <summary>Runs it. Never throws.</summary>
    /// <param name="seen">What was seen last, or null.</param>
    /// <param name="isDoubtful">True when something of it may still land in the store.</param>
    public async Task RunAsync(KeyState? seen, bool isDoubtful)
    {
        bool? isGone = await TryTakeAwayAsync(seen).ConfigureAwait(false);
        if (isGone is false)
        {
            LogNotInTime(owners.Logger, keys.Prefix, keys.Key, Coordinator.Options.OperationTimeout);
        }

        if (isGone is false || (isGone is true && isDoubtful))
        {
            Coordinator.Track(LookAgainAsync());
        }
    }

    /// <summary>Takes away what there is. False when the store was away for too long; null when no repetition mends it, or no time is left for one.</summary>
    private async ValueTask<bool?> TryTakeAwayAsync(KeyState? seen)
    {
        try
        {
            await TakeAwayAsync(seen).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException) when (!Coordinator.Stopping.IsCancellationRequested)
        {
            return false;
        }
        catch (Exception e) when (e is ConclaveException or OperationCanceledException or ObjectDisposedException)
        {
            LogNotWithdrawn(owners.Logger, e, keys.Prefix, keys.Key);
            return null;
        }
    }

    private async Task TakeAwayAsync(KeyState? seen)
    {
        using var limit = new CancellationTokenSource(Coordinator.Options.OperationTimeout, owners.Time);
        using var hurry = Coordinator.Stopping.UnsafeRegister(
            static state => ((Action)state!)(), (Action)(() => limit.CancelAfter(lasts < Coordinator.Options.OperationTimeout ? lasts : Coordinator.Options.OperationTimeout)));
        for (var pause = Backoff.Start; ; pause = Backoff.Next(pause))
        {
            try
            {
                seen ??= await owners.CommitAsync(keys, keys.ReadAll, limit.Token).ConfigureAwait(false);
                while (seen.IsOwnedBy(slug) || seen.PlaceOf(slug) >= 0)
                {
                    seen = await owners.CommitAsync(keys, Moves.Withdraw(seen, slug, owners.Time.GetUtcNow()), limit.Token).ConfigureAwait(false);
                }

                return;
            }
            catch (ConclaveException e) when (e.IsTransient)
            {
                LogWithdrawnLater(owners.Logger, e, keys.Prefix, keys.Key);
                seen = null;
                await Task.Delay(Backoff.Jitter(pause), owners.Time, limit.Token).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// What was sent and never answered may land after we have looked, and what the store was away for is still there: looks again, less and less
    /// often, until it has seen the store for one operation timeout.
    /// </summary>
    private async Task LookAgainAsync()
    {
        long since = owners.Time.GetTimestamp();
        for (var pause = Backoff.Start * 2; owners.Time.GetElapsedTime(since) < Coordinator.Options.OperationTimeout; pause = Backoff.Next(pause))
        {
            await Task.Delay(pause, owners.Time, Coordinator.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            since = await TryTakeAwayAsync(null).ConfigureAwait(false) is false ? owners.Time.GetTimestamp() : since;
            if (Coordinator.Stopping.IsCancellationRequested)
            {
                return;
            }
        }
    }

    [LoggerMessage(40, LogLevel.Debug, "Giving up '{Key}' of '{Prefix}' did not reach the store yet")]
    private static partial void LogWithdrawnLater(ILogger logger, Exception exception, string prefix, string key);

    [LoggerMessage(41, LogLevel.Warning, "Giving up '{Key}' of '{Prefix}' did not reach the store; it lapses by itself")]
    private static partial void LogNotWithdrawn(ILogger logger, Exception exception, string prefix, string key);

    [LoggerMessage(45, LogLevel.Warning, "Giving up '{Key}' of '{Prefix}' did not reach the store within {Timeout}; it goes on in the background")]
    private static partial void LogNotInTime(ILogger logger, string prefix, string key, TimeSpan timeout);
}
