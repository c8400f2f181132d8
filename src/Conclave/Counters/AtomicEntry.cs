using System.Runtime.CompilerServices;
using Conclave.Storage;

namespace Conclave;

/// <summary>One durable entry that is changed exactly once per call, also when an answer is lost: see <see cref="ExactCommits"/>.</summary>
/// <param name="coordinator">The client's coordinator.</param>
/// <param name="kind">What it is.</param>
/// <param name="name">Its name.</param>
internal sealed class AtomicEntry(Coordinator coordinator, string kind, string name)
{
    private readonly string _key = $"{kind}/{StoreNames.Escape(name)}/value";

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
    /// <exception cref="StoreUnavailableException">The store did not confirm in time; nothing was changed.</exception>
    /// <exception cref="OutcomeUnknownException">The session ended before it was known whether the change was applied.</exception>
    public async ValueTask<(Entry? Before, Entry? After)> ChangeAsync(Func<Entry?, byte[]?> change, CancellationToken cancellationToken)
    {
        // one at a time per client: they would only refuse each other
        _ = await coordinator.Gates.EnterAsync(_key, shared: false, Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false);
        try
        {
            string what = $"the {kind} '{name}'";
            Entry? before = null;
            await coordinator.RetryAsync(
                what,
                async () =>
                {
                    before = await GetAsync(cancellationToken).ConfigureAwait(false);
                    return true;
                },
                cancellationToken).ConfigureAwait(false);
            while (true)
            {
                if (change(before) is not { } value)
                {
                    return (before, before);
                }

                var must = before is null ? Condition.Absent(_key) : Condition.Unchanged(_key, before.Revision);
                var result = await coordinator.Exact.CommitAsync(what, must, Write.Put(_key, value), cancellationToken).ConfigureAwait(false);
                if (result.IsApplied)
                {
                    // the value of then: somebody may have changed it since
                    return (before, new Entry(_key, value, before?.CreateRevision ?? result.Revision, result.Revision, before?.Session));
                }

                before = result.Now;
            }
        }
        finally
        {
            coordinator.Gates.Exit(_key, shared: false);
        }
    }
}
