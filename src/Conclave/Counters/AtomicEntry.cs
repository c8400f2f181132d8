using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Conclave.Storage;

namespace Conclave;

/// <summary>
/// One durable entry that is changed exactly once per call, also when an answer is lost: each change leaves its number in a mark of its
/// session, under the session's gate. After an unknown outcome the session settles, which no older change survives, and the mark tells.
/// </summary>
/// <param name="coordinator">The client's coordinator.</param>
/// <param name="kind">What it is.</param>
/// <param name="name">Its name.</param>
internal sealed class AtomicEntry(Coordinator coordinator, string kind, string name)
{
    private readonly string _key = $"{kind}/{StoreNames.Escape(name)}/value";
    private readonly string _marks = $"{kind}/{StoreNames.Escape(name)}/change/";

    public string Key => _key;

    public string Name => name;

    /// <summary>Reads the entry.</summary>
    public ValueTask<Entry?> GetAsync(CancellationToken cancellationToken) => coordinator.Store.GetAsync(_key, cancellationToken);

    /// <summary>Reads the entry now, and whenever it has changed; outages are waited out.</summary>
    public async IAsyncEnumerable<Entry?> ObserveAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var read = new Transaction(reads: [Read.Get(_key)]);
        await foreach (var result in coordinator.ObserveAsync(ct => coordinator.CommitAsync(read, ct), _ => _key, cancellationToken).ConfigureAwait(false))
        {
            yield return result.Get(0);
        }
    }

    /// <summary>Changes the entry.</summary>
    /// <param name="change">From the present entry, or null when there is none, to the new value; null for no change. Called again after a conflict.</param>
    /// <param name="cancellationToken">Cancels it; the change may have been applied.</param>
    /// <returns>The entry that the change was made from, and the one it made; the same when there was no change.</returns>
    /// <exception cref="StoreUnavailableException">The store did not confirm in time; nothing was changed, or it is not known.</exception>
    /// <exception cref="OutcomeUnknownException">The session ended before it was known whether the change was applied.</exception>
    public async ValueTask<(Entry? Before, Entry? After)> ChangeAsync(Func<Entry?, byte[]?> change, CancellationToken cancellationToken)
    {
        // one change at a time per client: the mark of a session holds one number
        _ = await coordinator.Gates.EnterAsync(_key, shared: false, Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false);
        try
        {
            (Entry? Before, Entry? After) changed = default;
            await coordinator.RetryAsync(
                $"the {kind} '{name}'",
                async () =>
                {
                    var session = await GetSessionAsync(cancellationToken).ConfigureAwait(false);
                    try
                    {
                        changed = await ChangeAsync(session, change, cancellationToken).ConfigureAwait(false);
                        return true;
                    }
                    catch (SessionExpiredException)
                    {
                        // proven not applied: begin again with the next session
                        session.MarkGone();
                        return false;
                    }
                },
                cancellationToken,
                repeatsUnknown: false).ConfigureAwait(false);
            return changed;
        }
        finally
        {
            coordinator.Gates.Exit(_key, shared: false);
        }
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

    private async ValueTask<(Entry? Before, Entry? After)> ChangeAsync(Session session, Func<Entry?, byte[]?> change, CancellationToken cancellationToken)
    {
        string mark = _marks + session.Id.Value;
        byte[] number = Encoding.UTF8.GetBytes(session.NextClaim().ToString(CultureInfo.InvariantCulture));
        var read = new Transaction(reads: [Read.Get(_key), Read.Get(mark), Read.Get(session.RecordKey)]);
        var result = await coordinator.CommitAsync(read, cancellationToken).ConfigureAwait(false);
        while (true)
        {
            var before = result.Get(0);
            if (change(before) is not { } value)
            {
                return (before, before);
            }

            var commit = new Transaction(
                [before is null ? Condition.Absent(_key) : Condition.Unchanged(_key, before.Revision), session.Gate],
                [Write.Put(_key, value), Write.Put(mark, number, session.Id)],
                [Read.Get(_key), Read.Get(mark), Read.Get(session.RecordKey)]);
            try
            {
                result = await coordinator.CommitAsync(commit, cancellationToken).ConfigureAwait(false);
                if (result.Accepted)
                {
                    return (before, result.Get(0));
                }
            }
            catch (OutcomeUnknownException e)
            {
                result = await SettleAsync(session, read, e, cancellationToken).ConfigureAwait(false);
                if (result.Get(1) is { } marked && marked.Value.Span.SequenceEqual(number))
                {
                    // applied; the value of then, at the revision of the mark that was put with it
                    return (before, new Entry(_key, value, before?.CreateRevision ?? marked.Revision, marked.Revision, before?.Session));
                }
            }

            if (result.Get(2) is { } gate)
            {
                session.AdoptGate(gate.Revision);
            }
        }
    }

    private async ValueTask<CommitResult> SettleAsync(Session session, Transaction read, OutcomeUnknownException cause, CancellationToken cancellationToken)
    {
        try
        {
            await session.SettleAsync(_ => { }, cancellationToken).ConfigureAwait(false);
            for (var pause = Backoff.Start; ; pause = Backoff.Next(pause))
            {
                try
                {
                    return await coordinator.CommitAsync(read, cancellationToken).ConfigureAwait(false) is var result && result.Get(2) is not null
                        ? result
                        : throw new SessionExpiredException($"The session {session.Id} is gone.");
                }
                catch (StoreUnavailableException)
                {
                    await Task.Delay(Backoff.Jitter(pause), coordinator.Time, cancellationToken).ConfigureAwait(false);
                    session.ThrowIfLost();
                }
            }
        }
        catch (SessionExpiredException)
        {
            throw new OutcomeUnknownException($"It is not known whether the {kind} '{name}' was changed: its session ended before the store told.", cause);
        }
    }
}
