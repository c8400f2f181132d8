using Conclave.Storage;
using Microsoft.Extensions.Logging;

namespace Conclave.Ownership;

/// <summary>
/// The end of an acquisition, however it went: nothing of it stays in the store, and nothing of anybody else is touched. It has a deadline of
/// its own; what it does not reach lapses by itself.
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
        try
        {
            await TakeAwayAsync(seen).ConfigureAwait(false);
            if (isDoubtful)
            {
                Coordinator.Track(LookAgainAsync());
            }
        }
        catch (Exception e) when (e is ConclaveException or OperationCanceledException or ObjectDisposedException)
        {
            LogNotWithdrawn(owners.Logger, e, keys.Prefix, keys.Key);
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

    /// <summary>What was sent and never answered may land after we have looked: looks again, less and less often.</summary>
    private async Task LookAgainAsync()
    {
        long since = owners.Time.GetTimestamp();
        for (var pause = Backoff.Start * 2; owners.Time.GetElapsedTime(since) < Coordinator.Options.OperationTimeout; pause = Backoff.Next(pause))
        {
            await Task.Delay(pause, owners.Time, Coordinator.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await RunAsync(null, isDoubtful: false).ConfigureAwait(false);
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
}
