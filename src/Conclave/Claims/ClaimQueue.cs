using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Conclave.Storage;

namespace Conclave;

/// <summary>
/// One queue of contenders in the store, on which lock, election, semaphore and membership stand. A contender is one key, bound to its
/// session, created once and deleted once; create revisions give the order.
/// </summary>
/// <remarks>
/// Source: the lock recipe of ZooKeeper (Hunt et al., USENIX ATC 2010) in the form of etcd's concurrency package, with a gate against late
/// joins and with the own entry and its blocker judged in one answer.
/// </remarks>
internal sealed class ClaimQueue(Coordinator coordinator, string kind, string name)
{
    private readonly string _prefix = $"{kind}/{StoreNames.Escape(name)}/";

    public string Name => name;

    public string Prefix => _prefix;

    private TimeProvider Time => coordinator.Time;

    /// <summary>Joins the queue and waits until the rule grants.</summary>
    /// <param name="rule">Who is granted.</param>
    /// <param name="timeout">How long to wait; zero to try once.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>The claim, or null when the timeout came first.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<Claim?> AcquireAsync(ClaimRule rule, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var activity = coordinator.Telemetry.StartAcquire(kind);
        long startedAt = Time.GetTimestamp();
        if (!await coordinator.Gates.EnterAsync(_prefix, timeout, cancellationToken).ConfigureAwait(false))
        {
            return null;
        }

        Claim? claim = null;
        try
        {
            claim = await AcquireInTurnAsync(rule, timeout, startedAt, cancellationToken).ConfigureAwait(false);
            return claim;
        }
        finally
        {
            if (claim is null)
            {
                coordinator.Gates.Exit(_prefix);
            }
        }
    }

    /// <summary>Reads who stands in the queue.</summary>
    public async ValueTask<(ImmutableArray<Entry> Entries, long Epoch)> ReadAsync(CancellationToken cancellationToken)
    {
        var result = await coordinator.CommitAsync(ReadQueue, cancellationToken).ConfigureAwait(false);
        return (result.Reads[0], Epoch(result));
    }

    private Transaction ReadQueue => field ??= new(reads: [Read.Scan(_prefix), Read.Get(StoreNames.EpochKey)]);

    private async ValueTask<Claim?> AcquireInTurnAsync(ClaimRule rule, TimeSpan timeout, long startedAt, CancellationToken cancellationToken)
    {
        // a session that ends while we wait takes our place along: join again, at the end of the queue
        while (true)
        {
            var joined = await new Join(this, coordinator, rule).RunAsync(cancellationToken).ConfigureAwait(false);
            var (claim, mustRejoin) = await WaitForGrantAsync(joined, rule, timeout, startedAt, cancellationToken).ConfigureAwait(false);
            if (!mustRejoin)
            {
                return claim;
            }
        }
    }

    private async ValueTask<(Claim? Claim, bool MustRejoin)> WaitForGrantAsync(
        Joined joined, ClaimRule rule, TimeSpan timeout, long startedAt, CancellationToken cancellationToken)
    {
        var session = joined.Session;
        var answer = joined.Answer;
        int wakeUps = 0;
        long? wokenAt = null;
        bool stays = false;
        try
        {
            while (true)
            {
                var verdict = Verdict.Of(answer.Reads[0], _prefix, joined.Key, rule);
                if (verdict.Kind == VerdictKind.Missing || !session.IsLive())
                {
                    if (session.LossReason is null && verdict.Kind != VerdictKind.Missing)
                    {
                        // at risk, not lost: the renewal that is under way decides
                        if (timeout != Timeout.InfiniteTimeSpan && Time.GetElapsedTime(startedAt) > timeout)
                        {
                            return (null, MustRejoin: false);
                        }

                        await PauseAsync(session, cancellationToken).ConfigureAwait(false);
                        continue;
                    }

                    return (null, MustRejoin: true);
                }

                if (verdict.Kind == VerdictKind.Mismatch)
                {
                    throw new RuleMismatchException($"'{name}' is used as {verdict.Other} by others; here it is {rule}.");
                }

                if (verdict.Kind == VerdictKind.Granted)
                {
                    var claim = new Claim(coordinator, session, kind, name, _prefix, verdict.Mine!, Epoch(answer));
                    stays = true;
                    var handOff = wokenAt is { } woken ? Time.GetElapsedTime(woken) : (TimeSpan?)null;
                    coordinator.Telemetry.Granted(kind, Time.GetElapsedTime(startedAt), handOff, wakeUps);
                    return (claim, MustRejoin: false);
                }

                if (!await WaitAsync(session, verdict.WaitFor!, answer.Revision, timeout, startedAt, cancellationToken).ConfigureAwait(false))
                {
                    return (null, MustRejoin: false);
                }

                wokenAt = Time.GetTimestamp();
                wakeUps++;
                if (await TryReadAsync(session, cancellationToken).ConfigureAwait(false) is { } read)
                {
                    answer = read;
                }
            }
        }
        finally
        {
            if (!stays)
            {
                await GiveUpAsync(joined, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Waits for a hint. False when the caller's timeout has passed.</summary>
    private async ValueTask<bool> WaitAsync(
        Session session, string waitFor, long revision, TimeSpan timeout, long startedAt, CancellationToken cancellationToken)
    {
        var left = timeout == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : timeout - Time.GetElapsedTime(startedAt);
        if (left <= TimeSpan.Zero)
        {
            return false;
        }

        // a store that breaks its promise of a longest silence costs time, not the wake-up
        var longest = coordinator.Store.Description.MaxSilence * 2;
        using var limit = new CancellationTokenSource(left < longest ? left : longest, Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, session.Lost, cancellationToken);
        try
        {
            _ = await coordinator.Store.WaitForChangeAsync(waitFor, revision, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // the timeout is looked at with the next reading of the queue: a grant in the last moment is a grant
        }
        catch (StoreUnavailableException)
        {
            await PauseAsync(session, cancellationToken).ConfigureAwait(false);
        }

        return true;
    }

    /// <summary>Reads the queue; null when the store does not answer now. Once queued, a contender survives outages.</summary>
    private async ValueTask<CommitResult?> TryReadAsync(Session session, CancellationToken cancellationToken)
    {
        try
        {
            return await coordinator.CommitAsync(ReadQueue, cancellationToken).ConfigureAwait(false);
        }
        catch (StoreUnavailableException)
        {
            await PauseAsync(session, cancellationToken).ConfigureAwait(false);
            return null;
        }
    }

    private async ValueTask PauseAsync(Session session, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(session.Lost, cancellationToken);
        await Task.Delay(Backoff.Jitter(Backoff.Start * 5), Time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>Leaves the queue. A caller that cancelled does not wait for it.</summary>
    private async ValueTask GiveUpAsync(Joined joined, CancellationToken cancellationToken)
    {
        if (joined.Answer.Reads[0].FirstOrDefault(e => e.Key == joined.Key) is not { } mine || joined.Session.LossReason is not null)
        {
            return;
        }

        var leave = coordinator.LeaveAsync(joined.Session, mine);
        coordinator.Track(leave);
        await ((Task)leave).WaitAsync(coordinator.Options.OperationTimeout, Time, cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private static long Epoch(CommitResult result) => result.Get(1) is { } epoch ? StoreEpoch.Parse(epoch.Value.Span) : 0;
}
