using System.Runtime.CompilerServices;
using Conclave.Storage;
using Microsoft.Extensions.Logging;

namespace Conclave;

/// <summary>What the tools do when the store does not answer.</summary>
internal sealed partial class Coordinator
{
    public ILogger CreateLogger(string category) => _loggers.CreateLogger(category);

    /// <summary>Repeats an attempt that may be repeated, within the operation timeout; for how long the store itself says that it refuses does not count.</summary>
    /// <param name="what">What it is about, for the message.</param>
    /// <param name="attempt">False to be called again, at once.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    /// <param name="repeatsUnknown">False when an unknown outcome must not be repeated.</param>
    /// <exception cref="StoreUnavailableException">It did not succeed in time.</exception>
    public async ValueTask RetryAsync(string what, Func<ValueTask<bool>> attempt, CancellationToken cancellationToken, bool repeatsUnknown = true)
    {
        long startedAt = Time.GetTimestamp();
        for (var pause = Backoff.Start; ;)
        {
            try
            {
                if (await attempt().ConfigureAwait(false))
                {
                    return;
                }
            }
            catch (ConclaveException e) when (e is StoreUnavailableException || (repeatsUnknown && e is OutcomeUnknownException))
            {
                if (e is StoreUnavailableException { RetryAfter: not null })
                {
                    startedAt = Time.GetTimestamp();
                }
                else if (Time.GetElapsedTime(startedAt) + pause > Options.OperationTimeout)
                {
                    throw new StoreUnavailableException($"The store did not confirm a change of {what} within {Options.OperationTimeout.TotalSeconds} s: {e.Message}", e);
                }

                await Task.Delay(Backoff.Jitter(pause), Time, cancellationToken).ConfigureAwait(false);
                pause = Backoff.Next(pause);
            }
        }
    }

    /// <summary>Reads a queue again and again, whenever something has changed that may matter; outages are waited out.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="waitFor">The prefix whose changes matter after a reading.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public IAsyncEnumerable<CommitResult> ObserveAsync(ClaimQueue queue, Func<CommitResult, string> waitFor, CancellationToken cancellationToken) =>
        ObserveAsync(queue.ReadAsync, waitFor, cancellationToken);

    /// <summary>Reads something again and again, whenever something has changed that may matter; outages are waited out.</summary>
    public async IAsyncEnumerable<CommitResult> ObserveAsync(
        Func<CancellationToken, ValueTask<CommitResult>> read, Func<CommitResult, string> waitFor, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var pause = Backoff.Start;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Stopping);
        while (true)
        {
            CommitResult? result = null;
            try
            {
                result = await read(either.Token).ConfigureAwait(false);
                pause = Backoff.Start;
            }
            catch (ConclaveException e) when (e.IsTransient)
            {
                await Task.Delay(Backoff.Jitter(pause), Time, either.Token).ConfigureAwait(false);
                pause = Backoff.Next(pause);
            }

            if (result is not null)
            {
                yield return result;
                await WaitForHintAsync(waitFor(result), result.Revision, either.Token).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Waits for a hint; trouble with the store and a hint that does not come end it too.</summary>
    private async ValueTask WaitForHintAsync(string prefix, long revision, CancellationToken cancellationToken)
    {
        // a store that breaks its promise of a longest silence costs time, not the wake-up
        using var limit = new CancellationTokenSource(Store.Description.MaxSilence * 2, Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            _ = await Store.WaitForChangeAsync(prefix, revision, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // read again
        }
        catch (ConclaveException e) when (e.IsTransient)
        {
            await Task.Delay(Backoff.Jitter(Backoff.Start * 5), Time, cancellationToken).ConfigureAwait(false);
        }
    }
}
