using Conclave.Storage;

namespace Conclave.Ownership;

/// <summary>
/// One acquisition by this process: tries, stands in line, and becomes the owner when it is handed the record, finds none, or has seen it
/// stand still for too long.
/// </summary>
/// <remarks>
/// Who is first in line watches the record; everybody else only watches who stands before it. Nobody writes while it waits: one who waits
/// proves that it lives by acting when it is its turn. If it does not, the next one acts half an interval later, and skips it.
/// </remarks>
internal sealed class Contender(Owners owners, OwnerKeys keys, OwnerOptions options, string owner)
{
    private const int MostSteps = 8;

    private readonly string _slug = Slug.New();
    private readonly Stillness _still = new(owners.Time);
    private readonly TimeSpan _lasts = options.RefreshInterval;
    private TimeSpan _pause = Backoff.Start;
    private long _answeredAt;
    private long _writtenAt;
    private bool _isInLine;
    private bool _mayBeThere;
    private bool _isDoubtful;
    private long? _takenInDoubtAt;
    private long? _wokenAt;
    private int _wakeUps;

    private TimeProvider Time => owners.Time;

    /// <summary>Runs it, within the local turn.</summary>
    /// <returns>What is held; null when the timeout came first.</returns>
    /// <exception cref="StoreUnavailableException">It could not even stand in line within the operation timeout.</exception>
    public async Task<Hold?> RunAsync(TimeSpan timeout, long startedAt, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, owners.Coordinator.Stopping);
        KeyState? seen = null;
        Hold? hold = null;
        try
        {
            _answeredAt = startedAt;
            var move = new Move(Moves.TakeAbsent(keys, NewRecord()), IsTake: true);
            while (hold is null)
            {
                seen = await TrySendAsync(move, either.Token).ConfigureAwait(false);
                either.Token.ThrowIfCancellationRequested();
                if (seen is null)
                {
                    if (_isInLine && Left(timeout, startedAt) <= TimeSpan.Zero)
                    {
                        return null;
                    }

                    move = new(keys.ReadAll);
                }
                else if (seen.IsOwnedBy(_slug))
                {
                    (hold, move) = Own(seen, move);
                }
                else if (Next(seen) is { } next)
                {
                    move = next;
                }
                else if (Left(timeout, startedAt) is var left && left <= TimeSpan.Zero)
                {
                    return null;
                }
                else
                {
                    move = _isInLine ? await WaitAsync(seen, left, either.Token).ConfigureAwait(false) : new(Moves.Wait(keys, _slug, NewRecord()));
                }
            }

            owners.Coordinator.Telemetry.Granted(
                OwnerKeys.Kind, Time.GetElapsedTime(startedAt), _wokenAt is { } woken ? Time.GetElapsedTime(woken) : null, _wakeUps);
            return hold;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested && owners.Coordinator.Stopping.IsCancellationRequested)
        {
            throw new ObjectDisposedException(typeof(ConclaveClient).FullName);
        }
        finally
        {
            if (hold is null && _mayBeThere)
            {
                await new Withdrawal(owners, keys, _slug, _lasts).RunAsync(seen, _isDoubtful).ConfigureAwait(false);
            }
        }
    }

    /// <summary>The record is ours: holds it if it is fresh, and writes it once more if it is not.</summary>
    private (Hold? Hold, Move Next) Own(KeyState seen, Move made)
    {
        // when it was handed to us is not known, but it was not long ago: a hint told us, or one of our looks at short intervals
        long handedAt = Time.GetTimestamp() - (long)(_lasts.TotalSeconds / 4 * Time.TimestampFrequency);
        long sentAt = made.IsTake && seen.Accepted ? _writtenAt : _takenInDoubtAt ?? handedAt;
        int place = seen.PlaceOf(_slug);
        return place < 0 && Time.GetElapsedTime(sentAt) <= _lasts / 2
            ? (new Hold(owners, options, owner, _slug, seen, sentAt, _isDoubtful), made)
            : (null, new(Moves.Take(seen, place, skips: false, NewRecord()), IsTake: true));
    }

    /// <summary>A record that is good from now on.</summary>
    private byte[] NewRecord()
    {
        // before its expiry is computed: whoever reads that must not believe less than we do
        _writtenAt = Time.GetTimestamp();
        return OwnerRecord.Of($"{owner}#{_slug}", Time.GetUtcNow(), _lasts).ToBytes();
    }

    /// <summary>What is to be done at once, or null.</summary>
    private Move? Next(KeyState seen)
    {
        _still.Look(seen);
        int place = seen.PlaceOf(_slug);
        _isInLine = place >= 0;
        bool isNext = place == 0 || (!_isInLine && seen.Waiters.IsEmpty);
        return (isNext && seen.IsFree) || (_isInLine && _still.Now >= Patience(seen, place))
            ? new(Moves.Take(seen, place, skips: true, NewRecord()), IsTake: true)
            : null;
    }

    /// <summary>For how long the record must stand still before this one takes it: an eighth more than its owner believes in it, and longer for who stands further behind.</summary>
    private TimeSpan Patience(KeyState seen, int place)
    {
        var lasts = seen.Record is { IsReleased: false, Lasts: { } told } ? told : _lasts;
        return (lasts * 1.125) + (lasts * Math.Min(place, MostSteps) / 2);
    }

    /// <summary>Waits until there may be something to do, and says what to ask then.</summary>
    private async ValueTask<Move> WaitAsync(KeyState seen, TimeSpan left, CancellationToken cancellationToken)
    {
        int place = seen.PlaceOf(_slug);
        var longest = Patience(seen, place) - _still.Now;

        // a little later than that, so that those far behind do not move in step; the first one looks at short intervals, as the original meant to
        longest = place > 0 ? Backoff.Jitter(longest * 1.1, 0.1) : Shorter(longest, Backoff.Jitter(options.AcquireInterval * 5 / 6, 0.2));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        longest = Shorter(longest, left);
        using var timer = new CancellationTokenSource(longest > TimeSpan.Zero ? Backoff.RoundUp(longest) : TimeSpan.Zero, Time);
        using var link = timer.Token.UnsafeRegister(static state => ((CancellationTokenSource)state!).Cancel(), limit);
        bool isHinted = false;
        try
        {
            _ = await owners.Coordinator.Store.WaitForChangeAsync(place > 0 ? seen.Waiters[place - 1].Key : keys.Record, seen.Revision, limit.Token).ConfigureAwait(false);
            isHinted = true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // looks again
        }
        catch (StoreUnavailableException)
        {
            await Task.Delay(Backoff.Jitter(Backoff.Start * 5), Time, cancellationToken).ConfigureAwait(false);
        }

        (_wokenAt, _wakeUps) = (Time.GetTimestamp(), _wakeUps + 1);

        // the first one asks by trying: that finds what it was handed as well, and needs no second round trip for what was left to be taken
        return isHinted && place == 0 ? new(Moves.TakeAbsent(keys, seen.Waiters[0], NewRecord()), IsTake: true) : new(keys.ReadAll);
    }

    /// <summary>Sends, and pauses after a failure. Who stands in line survives outages.</summary>
    private async ValueTask<KeyState?> TrySendAsync(Move move, CancellationToken cancellationToken)
    {
        bool mightBe = _mayBeThere;
        try
        {
            _mayBeThere |= !move.Transaction.IsReadOnly;

            // not the caller's token: what was sent is to be known, so that nothing of it stays
            var answer = await owners.CommitAsync(keys, move.Transaction, owners.Coordinator.Stopping).ConfigureAwait(false);
            (_pause, _answeredAt) = (Backoff.Start, answer.ReceivedAt);
            return answer;
        }
        catch (ConclaveException e) when (e.IsTransient)
        {
            if (e is OutcomeUnknownException && !move.Transaction.IsReadOnly)
            {
                _isDoubtful = true;
                _takenInDoubtAt = move.IsTake ? _writtenAt : _takenInDoubtAt;
            }
            else
            {
                _mayBeThere = mightBe;
            }

            if (!_isInLine && Time.GetElapsedTime(_answeredAt) + _pause > owners.Coordinator.Options.OperationTimeout)
            {
                throw new StoreUnavailableException(
                    $"The store could not be asked for '{keys.Key}' within {owners.Coordinator.Options.OperationTimeout.TotalSeconds} s: {e.Message}", e);
            }

            await Task.Delay(Backoff.Jitter(_pause), Time, cancellationToken).ConfigureAwait(false);
            _pause = Backoff.Next(_pause);
            return null;
        }
    }

    private TimeSpan Left(TimeSpan timeout, long startedAt) =>
        timeout == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : timeout - Time.GetElapsedTime(startedAt);

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    /// <param name="Transaction">What to send.</param>
    /// <param name="IsTake">Whether it makes us the owner if it is accepted.</param>
    private sealed record Move(Transaction Transaction, bool IsTake = false);
}
