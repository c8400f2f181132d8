using System.Collections.Immutable;
using Conclave.Storage;

namespace Conclave;

/// <summary>Hears how an acquire goes.</summary>
internal interface IAcquisitionWatcher
{
    /// <summary>The keys under which it is about to join; again when it has to join again.</summary>
    void OnJoining(string[] keys);

    /// <summary>It was not granted at once.</summary>
    void OnMustWait();
}

/// <summary>One acquire: joins, waits, and joins again when the session ends meanwhile and takes the place in the queue along.</summary>
internal sealed class Acquisition(ClaimQueue queue, Coordinator coordinator, ClaimRule rule, ReadOnlyMemory<byte>? value, IAcquisitionWatcher? watcher)
{
    private TimeProvider Time => coordinator.Time;

    /// <summary>Runs it, within the local turn.</summary>
    public async ValueTask<ClaimHold?> RunAsync(TimeSpan timeout, long startedAt, CancellationToken cancellationToken)
    {
        while (true)
        {
            var joined = await new Join(queue, coordinator, rule, value, watcher).RunAsync(timeout, startedAt, cancellationToken).ConfigureAwait(false);
            var (hold, mustRejoin) = await WaitForGrantAsync(
                joined.Session, joined.Keys, joined.Answer, timeout, startedAt, cancellationToken).ConfigureAwait(false);
            if (!mustRejoin)
            {
                return hold;
            }
        }
    }

    private async ValueTask<(ClaimHold? Hold, bool MustRejoin)> WaitForGrantAsync(
        Session session, string[] keys, CommitResult? answer, TimeSpan timeout, long startedAt, CancellationToken cancellationToken)
    {
        Verdict verdict = default;
        Entry[]? mine = null;
        Entry? blocker = null;
        long revision = 0;
        int wakeUps = 0;
        long? wokenAt = null;
        bool stays = false;
        try
        {
            while (true)
            {
                verdict = answer is null ? verdict : Verdict.Of(answer.Reads, queue.Prefixes, keys, rule, queue.HoldsRules);
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
                    throw new RuleMismatchException($"The {queue.Kind} '{queue.Name}' is used as {verdict.Other} by others who hold it or wait for it; here it is {rule}. All who use it must agree.");
                }

                if (verdict.Kind == VerdictKind.Granted)
                {
                    var hold = new ClaimHold(coordinator, session, queue, rule, Joined.Mine(keys, answer!)!, queue.Epoch(answer!));
                    stays = true;
                    var handOff = wokenAt is { } woken ? Time.GetElapsedTime(woken) : (TimeSpan?)null;
                    coordinator.Telemetry.Granted(queue.Kind, Time.GetElapsedTime(startedAt), handOff, wakeUps);
                    if (rule.Kind == ClaimRuleKind.Permits && verdict.IsWatched)
                    {
                        coordinator.Track(hold.AnnounceAsync());
                    }

                    return (hold, MustRejoin: false);
                }

                watcher?.OnMustWait();
                if (answer is not null)
                {
                    // not kept while it waits: a thousand who wait would keep a thousand queues of a thousand. Who waits for permits may be let in past one
                    // before it that is stopped, which no single entry shows
                    mine ??= Joined.Mine(keys, answer);
                    revision = answer.Revision;
                    blocker = queue.Prefixes.Length > 1 || rule.Kind == ClaimRuleKind.Permits ? null : Find(answer.Reads[0], verdict.WaitFor!);
                    answer = null;
                }

                long waitsAt = Time.GetTimestamp();
                if (!await WaitAsync(session, verdict.WaitFor!, revision, timeout, startedAt, cancellationToken).ConfigureAwait(false))
                {
                    return (null, MustRejoin: false);
                }

                wokenAt = Time.GetTimestamp();
                wakeUps++;
                bool isSilent = Time.GetElapsedTime(waitsAt) >= coordinator.Store.Description.MaxSilence * 0.95;
                if (isSilent && blocker is not null && session.IsLive()
                    && await LookAsync(verdict.Mine!, blocker, session, cancellationToken).ConfigureAwait(false) is { } seen)
                {
                    revision = seen;
                }
                else
                {
                    answer = await TryReadAsync(session, cancellationToken).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            if (!stays)
            {
                await GiveUpAsync(session, mine ?? (answer is null ? null : Joined.Mine(keys, answer)), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static Entry? Find(ImmutableArray<Entry> entries, string key)
    {
        foreach (var entry in entries)
        {
            if (entry.Key == key)
            {
                return entry;
            }
        }

        return null;
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

    /// <summary>
    /// Looks, when nothing was heard for long, only at the own entry and at the one that is waited for: whole queues, read by each who waits in
    /// them, would cost the square of their length. Nobody comes to stand ahead of either, so while both are there, it waits for the same one.
    /// </summary>
    /// <returns>The revision of the look; null when something changed, or may have.</returns>
    private async ValueTask<long?> LookAsync(Entry mine, Entry blocker, Session session, CancellationToken cancellationToken)
    {
        try
        {
            var look = await coordinator.CommitAsync(new(reads: [Read.Get(mine.Key), Read.Get(blocker.Key)]), cancellationToken).ConfigureAwait(false);
            return look.Get(0) is not null && look.Get(1)?.Revision == blocker.Revision ? look.Revision : null;
        }
        catch (StoreUnavailableException)
        {
            await PauseAsync(session, cancellationToken).ConfigureAwait(false);
            return null;
        }
    }

    /// <summary>Reads the queue; null when the store does not answer now. Once queued, a contender survives outages.</summary>
    private async ValueTask<CommitResult?> TryReadAsync(Session session, CancellationToken cancellationToken)
    {
        try
        {
            return await queue.ReadAsync(cancellationToken).ConfigureAwait(false);
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
    private async ValueTask GiveUpAsync(Session session, Entry[]? mine, CancellationToken cancellationToken)
    {
        if (mine is null || session.LossReason is not null)
        {
            return;
        }

        var leave = coordinator.LeaveAsync(session, mine);
        coordinator.Track(leave);
        await ((Task)leave).WaitAsync(coordinator.Options.OperationTimeout, Time, cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
