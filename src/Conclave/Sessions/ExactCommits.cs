using System.Buffers.Text;
using Conclave.Storage;

namespace Conclave;

/// <summary>What became of a change.</summary>
/// <param name="IsApplied">True when it was applied, exactly once.</param>
/// <param name="Revision">The revision of the change when it was applied.</param>
/// <param name="Now">The entry as it was after the change, or when the change was refused.</param>
internal readonly record struct ExactResult(bool IsApplied, long Revision, Entry? Now);

/// <summary>
/// Changes of durable entries that are applied exactly once, also when answers of the store are lost: each leaves its number in a mark of its
/// session, on the condition that the mark is as we know it. So the same change can be sent again until it is answered: if it was applied already,
/// it is refused, and the mark has its number.
/// </summary>
internal sealed class ExactCommits(Coordinator coordinator)
{
    /// <summary>Applies one write, if its condition holds.</summary>
    /// <param name="what">What is changed, for messages.</param>
    /// <param name="condition">What must hold of the key that is written, or null to write whatever is there.</param>
    /// <param name="write">The write; without a session.</param>
    /// <param name="cancellationToken">Cancels it; the change may have been applied, or be applied a moment later.</param>
    /// <exception cref="StoreUnavailableException">The store did not confirm in time; nothing was changed.</exception>
    /// <exception cref="OutcomeUnknownException">The session ended before it was known whether the change was applied.</exception>
    public async ValueTask<ExactResult> CommitAsync(string what, Condition? condition, Write write, CancellationToken cancellationToken)
    {
        ExactResult result = default;
        await coordinator.RetryAsync(
            what,
            async () =>
            {
                var session = await GetSessionAsync(cancellationToken).ConfigureAwait(false);
                var mark = session.Marks.Rent();
                try
                {
                    result = await new Attempt(coordinator, session, mark, what, condition, write).RunAsync(cancellationToken).ConfigureAwait(false);
                    return true;
                }
                catch (SessionExpiredException)
                {
                    // proven not applied: begin again with the next session
                    session.MarkGone();
                    return false;
                }
                finally
                {
                    session.Marks.Return(mark);
                }
            },
            cancellationToken,
            repeatsUnknown: false).ConfigureAwait(false);
        return result;
    }

    private async ValueTask<Session> GetSessionAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await coordinator.GetSessionAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OutcomeUnknownException e)
        {
            // nobody knows the id of a session whose opening was not answered; it runs out by itself, and nothing was changed
            throw new StoreUnavailableException("No session could be opened.", e);
        }
    }

    /// <summary>One change, sent until it is known what became of it.</summary>
    private sealed class Attempt(Coordinator coordinator, Session session, ChangeMark mark, string what, Condition? condition, Write write)
    {
        private const int AtOnce = 8;

        private readonly byte[] _number = Number(session);
        private OutcomeUnknownException? _unknown;
        private byte[]? _settling;

        public async ValueTask<ExactResult> RunAsync(CancellationToken cancellationToken)
        {
            var pause = Backoff.Start;
            for (int lost = 0; ;)
            {
                try
                {
                    var result = await coordinator.CommitAsync(_settling is null ? Change() : Settle(_settling), cancellationToken).ConfigureAwait(false);
                    if (Judge(result) is { } known)
                    {
                        return known;
                    }
                }
                catch (SessionExpiredException) when (_unknown is not null)
                {
                    // no copy can land any more; where the entry is as it must have been, none has
                    if (!await IsUntouchedAsync(cancellationToken).ConfigureAwait(false))
                    {
                        throw Undecided();
                    }

                    throw;
                }
                catch (ConclaveException e) when (e is OutcomeUnknownException || (e is StoreUnavailableException && _unknown is not null))
                {
                    _unknown ??= e as OutcomeUnknownException;
                    if (!session.IsLive() && session.LossReason is not null)
                    {
                        throw Undecided();
                    }

                    // a lost answer says nothing against asking again at once, many of them do
                    if (e is StoreUnavailableException || ++lost > AtOnce)
                    {
                        await Task.Delay(Backoff.Jitter(pause), coordinator.Time, cancellationToken).ConfigureAwait(false);
                        pause = Backoff.Next(pause);
                    }

                    cancellationToken.ThrowIfCancellationRequested();
                }
            }
        }

        private Transaction Change() => new(
            condition is { } must ? [must, mark.AsKnown] : [mark.AsKnown],
            [write, Write.Put(mark.Key, _number, session.Id)],
            [Read.Get(write.Key), Read.Get(mark.Key)]);

        /// <summary>Puts the mark alone: after that no copy of the change can land any more.</summary>
        private Transaction Settle(byte[] number) => new(
            [mark.AsKnown], [Write.Put(mark.Key, number, session.Id)], [Read.Get(write.Key), Read.Get(mark.Key)]);

        /// <summary>What is known by an answer; null to send again.</summary>
        private ExactResult? Judge(CommitResult result)
        {
            var now = result.Get(0);
            var marked = result.Get(1);
            if (result.Accepted)
            {
                mark.Revision = marked!.Revision;
                return new(_settling is null, marked.Revision, now);
            }

            if (marked is null && mark.Revision != 0 && _unknown is not null)
            {
                // whether it is the session or only the mark that is gone, nothing tells any more what became of the change
                throw new SessionExpiredException($"The session {session.Id} is gone, and its marks with it.");
            }

            bool isAsKnown = (marked?.Revision ?? 0) == mark.Revision;
            mark.Revision = marked?.Revision ?? 0;
            if (marked is not null && !isAsKnown && marked.Value.Span.SequenceEqual(_number))
            {
                // an earlier copy was applied, whose answer was lost; what the entry is now may be somebody else's
                return new(true, marked.Revision, now);
            }

            if (_settling is not null && !isAsKnown)
            {
                return new(false, 0, now);
            }

            if (!isAsKnown)
            {
                // a change of somebody who used the mark before us and gave up; ours was refused for it
                return null;
            }

            if (_unknown is null)
            {
                return new(false, 0, now);
            }

            // refused now, but a copy that is still on its way may find its condition fulfilled again
            _settling = Number(session);
            return null;
        }

        private async ValueTask<bool> IsUntouchedAsync(CancellationToken cancellationToken)
        {
            try
            {
                // a key that must be absent tells nothing: it may have come and gone
                return condition is { Revision: > 0 } must
                    && (await coordinator.Store.GetAsync(write.Key, cancellationToken).ConfigureAwait(false))?.Revision == must.Revision;
            }
            catch (ConclaveException)
            {
                return false;
            }
        }

        private OutcomeUnknownException Undecided() =>
            new($"It is not known whether {what} was changed: the session ended before the store told.", _unknown);

        private static byte[] Number(Session session)
        {
            Span<byte> digits = stackalloc byte[20];
            _ = Utf8Formatter.TryFormat(session.NextClaim(), digits, out int length);
            return digits[..length].ToArray();
        }
    }
}
