using System.Globalization;
using System.Text;
using Conclave.Storage;

namespace Conclave;

/// <summary>
/// A barrier by name: everybody waits until a number of participants has arrived, then all go on; and again, round by round. One that ends
/// while it waits has not arrived. Cheap and stateless; make one whenever you need it.
/// </summary>
/// <remarks>
/// An arrival is a contender of the queue; it belongs to the present round when it joined after the last round was completed. The last
/// to arrive completes the round, in one commit under the condition that all arrivals it counted are still there.
/// </remarks>
public sealed class DistributedBarrier
{
    /// <summary>The most participants.</summary>
    public const int MaxParticipants = 10_000;

    internal const string Kind = "barrier";

    // so many arrivals fit into the conditions of one commit, beside the round
    private const int Guarded = StoreLimits.MaxOperations - 4;

    private readonly Coordinator _coordinator;
    private readonly ClaimQueue _queue;
    private readonly string _roundKey;

    internal DistributedBarrier(Coordinator coordinator, string name, int participants)
    {
        if (participants is < 1 or > MaxParticipants)
        {
            throw new ArgumentOutOfRangeException(nameof(participants), participants, $"A barrier takes from 1 to {MaxParticipants} participants.");
        }

        // the round stands among the arrivals, so that one reading shows both
        (_coordinator, _queue, Participants) = (coordinator, new ClaimQueue(coordinator, Kind, name) { HoldsRules = false }, participants);
        _roundKey = _queue.Prefixes[0] + "round";
    }

    /// <summary>The name.</summary>
    public string Name => _queue.Name;

    /// <summary>How many must arrive.</summary>
    public int Participants { get; }

    /// <summary>Arrives, and waits for the others.</summary>
    /// <param name="cancellationToken">Cancels the wait; who cancels has not arrived, unless all had in that moment.</param>
    /// <returns>The number of the round that was completed, from 1: the same for all who waited for it.</returns>
    /// <exception cref="RuleMismatchException">Others wait with another number of participants.</exception>
    /// <inheritdoc cref="DistributedLock.AcquireAsync(CancellationToken)" path="/exception"/>
    public async ValueTask<long> SignalAndWaitAsync(CancellationToken cancellationToken = default)
    {
        byte[] value =
        [
            .. ClaimRule.Present.ToValue(_coordinator.Time.GetUtcNow()), (byte)'\n',
            .. Encoding.UTF8.GetBytes(Participants.ToString(CultureInfo.InvariantCulture)),
        ];
        while (true)
        {
            var hold = await _queue.AcquireAsync(ClaimRule.Present, Timeout.InfiniteTimeSpan, value, cancellationToken: cancellationToken).ConfigureAwait(false);
            var arrival = new Claim(hold!);
            await using (arrival.ConfigureAwait(false))
            {
                // a session that ended took the arrival along: arrive again, unless the round was completed with it
                if (await WaitAsync(hold!.Mine[0], hold.Session, cancellationToken).ConfigureAwait(false) is { } round)
                {
                    return round;
                }
            }
        }
    }

    /// <summary>Reads how many have arrived for the present round.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The number of arrivals at one instant.</returns>
    /// <exception cref="StoreUnavailableException">The store could not be asked.</exception>
    public async ValueTask<int> GetArrivedAsync(CancellationToken cancellationToken = default) =>
        Arrivals(await _queue.ReadAsync(cancellationToken).ConfigureAwait(false)).Length;

    private async ValueTask<long?> WaitAsync(Entry mine, Session session, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, session.Lost);
        try
        {
            await foreach (var result in _coordinator.ObserveAsync(_queue, _ => _queue.Prefixes[0], either.Token).ConfigureAwait(false))
            {
                if (Round(result) is { } round && round.Revision > mine.CreateRevision)
                {
                    CheckParticipants(ParticipantsOf(round));
                    return Number(round);
                }

                if (result.Reads[0].All(e => e.Key != mine.Key))
                {
                    return null;
                }

                var arrivals = Arrivals(result);
                if (arrivals.MinBy(e => e.CreateRevision) is { } first)
                {
                    CheckParticipants(ParticipantsOf(first));
                }

                // who came with another number is about to leave
                var counted = arrivals.Where(e => ParticipantsOf(e) == Participants).ToArray();
                if (counted.Length >= Participants)
                {
                    await TryCompleteAsync(result, counted, either.Token).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException) when (session.Lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            // looked at once more by who arrives again: a round that was completed before counts for nobody else
        }

        return null;
    }

    /// <summary>Completes the round; that it is completed, by us or somebody else, is what the next reading shows.</summary>
    private async ValueTask TryCompleteAsync(CommitResult result, Entry[] arrivals, CancellationToken cancellationToken)
    {
        var round = Round(result);
        long number = (round is null ? 0 : Number(round)) + 1;
        Condition[] conditions =
        [
            round is null ? Condition.Absent(_roundKey) : Condition.Unchanged(_roundKey, round.Revision),
            .. arrivals.OrderBy(e => e.CreateRevision).Take(Math.Min(Participants, Guarded)).Select(e => Condition.Unchanged(e.Key, e.Revision)),
        ];
        try
        {
            var put = new Transaction(conditions, [Write.Put(_roundKey, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{number}\n{Participants}")))]);
            _ = await _coordinator.CommitAsync(put, cancellationToken).ConfigureAwait(false);
        }
        catch (ConclaveException e) when (e.IsTransient)
        {
            // read again
            await Task.Delay(Backoff.Jitter(Backoff.Start), _coordinator.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    private void CheckParticipants(int others)
    {
        if (others != Participants)
        {
            throw new RuleMismatchException($"The barrier '{Name}' is used with {others} participants by others; here it is {Participants}.");
        }
    }

    private Entry? Round(CommitResult result) => result.Reads[0].FirstOrDefault(e => e.Key == _roundKey);

    private Entry[] Arrivals(CommitResult result)
    {
        long completed = Round(result)?.Revision ?? 0;
        return [.. result.Reads[0].Where(e => e.Key != _roundKey && e.CreateRevision > completed)];
    }

    private static int ParticipantsOf(Entry arrival)
    {
        var value = arrival.Value.Span;
        return int.TryParse(value[(value.IndexOf((byte)'\n') + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int participants) ? participants : 0;
    }

    private long Number(Entry round) => long.TryParse(round.Value.Span[..Math.Max(0, round.Value.Span.IndexOf((byte)'\n'))], NumberStyles.None, CultureInfo.InvariantCulture, out long number)
        ? number
        : throw new StoreFormatException($"What is stored under '{_roundKey}' is no number; put it right or delete it.");
}
