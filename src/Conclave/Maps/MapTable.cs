using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Conclave.Storage;

namespace Conclave;

/// <summary>The entries of a map as the store has them: read page by page, watched, and compared and set.</summary>
internal sealed class MapTable(Coordinator coordinator, string name)
{
    // a page is about so large, judged by the largest entry that was met; the first one is small because nothing is known yet
    private const int PageBytes = 2 << 20;
    private const int FirstPage = 64;
    private const int LargestPage = 8192;
    private const int EntryOverhead = 128;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(1);

    public string Name => name;

    public string Prefix { get; } = MapKeys.PrefixOf(name);

    public Coordinator Coordinator => coordinator;

    public async ValueTask<Entry?> GetAsync(string key, CancellationToken cancellationToken) =>
        (await coordinator.CommitAsync(new(reads: [Read.Get(key)]), cancellationToken).ConfigureAwait(false)).Get(0);

    public ValueTask<ExactResult> CommitAsync(string key, Condition? condition, Write write, CancellationToken cancellationToken) =>
        coordinator.Exact.CommitAsync($"the key '{Shown(key)}' of the map '{name}'", condition, write, cancellationToken);

    /// <summary>Changes an entry from what it is, again and again until nobody came between.</summary>
    /// <param name="key">The store's key.</param>
    /// <param name="before">The entry as it was read.</param>
    /// <param name="change">From the present entry to what is to be written; null to leave it as it is.</param>
    /// <param name="cancellationToken">Cancels it; the change may have been applied.</param>
    /// <returns>The entry before the change, and the revision of the change, or 0 when there was none.</returns>
    public async ValueTask<(Entry? Before, long Revision)> ChangeAsync(string key, Entry? before, Func<Entry?, Write?> change, CancellationToken cancellationToken)
    {
        for (var pause = TimeSpan.Zero; ; pause = pause == TimeSpan.Zero ? FirstPause : pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            if (change(before) is not { } write)
            {
                return (before, 0);
            }

            var must = before is null ? Condition.Absent(key) : Condition.Unchanged(key, before.Revision);
            var result = await CommitAsync(key, must, write, cancellationToken).ConfigureAwait(false);
            if (result.IsApplied)
            {
                return (before, result.Revision);
            }

            before = result.Now;
            if (pause > TimeSpan.Zero)
            {
                // many want the same key: give way, and look at what it is after that
                await Task.Delay(Backoff.Jitter(pause), coordinator.Time, cancellationToken).ConfigureAwait(false);
                before = await GetPatientlyAsync(key, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Reads an entry; trouble with the store is waited out within the operation timeout.</summary>
    public async ValueTask<Entry?> GetPatientlyAsync(string key, CancellationToken cancellationToken) =>
        (await ReadPatientlyAsync(Read.Get(key), coordinator.Options.OperationTimeout, cancellationToken).ConfigureAwait(false)).Get(0);

    /// <summary>All entries in the order of their keys. Each page is one snapshot.</summary>
    public async IAsyncEnumerable<Entry> ScanAsync(string? after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        int limit = FirstPage;
        int largest = 1;
        while (true)
        {
            var page = (await ReadPatientlyAsync(Read.Scan(Prefix, after, limit), coordinator.Options.OperationTimeout, cancellationToken).ConfigureAwait(false)).Reads[0];
            foreach (var entry in page)
            {
                yield return entry;
            }

            if (page.Length < limit)
            {
                yield break;
            }

            after = page[^1].Key;
            limit = NextPage(page, limit, ref largest);
        }
    }

    /// <summary>
    /// Tells what is there, and then what changes: entries that are set, and keys that are gone (with no value, at a revision at which they were).
    /// What is remembered meanwhile is a key and a revision per entry, however much changes.
    /// </summary>
    public async IAsyncEnumerable<(bool IsGone, Entry Entry)> ObserveAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // by key, as of the last reading
        List<(string Key, long Revision)> known = [];
        int limit = FirstPage;
        int largest = 1;
        await foreach (var first in coordinator.ObserveAsync(ct => coordinator.CommitAsync(new(reads: [Read.Scan(Prefix, null, limit)]), ct), _ => Prefix, cancellationToken).ConfigureAwait(false))
        {
            long startedAt = coordinator.Time.GetTimestamp();
            List<(string Key, long Revision)> seen = new(known.Count);
            int next = 0;
            var result = first;
            while (true)
            {
                var page = result.Reads[0];
                string? end = page.Length < limit ? null : page[^1].Key;
                foreach (var change in Compare(known, ref next, page, end, result.Revision, seen))
                {
                    yield return change;
                }

                if (end is null)
                {
                    break;
                }

                limit = NextPage(page, limit, ref largest);
                result = await ReadPatientlyAsync(Read.Scan(Prefix, end, limit), null, cancellationToken).ConfigureAwait(false);
            }

            known = seen;
            if (!ReferenceEquals(result, first))
            {
                // a large map that changes all the time is not read all the time
                var took = coordinator.Time.GetElapsedTime(startedAt);
                await Task.Delay(took < LongestRest ? took : LongestRest, coordinator.Time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>The key without the map, as it is stored.</summary>
    public string Shown(string key) => key[Prefix.Length..] is { Length: > 64 } text ? text[..63] + "…" : key[Prefix.Length..];

    /// <summary>What changed within one page: from the last one on, up to <paramref name="end"/> or, when that is null, to the last key.</summary>
    private static List<(bool IsGone, Entry Entry)> Compare(
        List<(string Key, long Revision)> known, ref int next, ImmutableArray<Entry> page, string? end, long revision, List<(string Key, long Revision)> seen)
    {
        List<(bool IsGone, Entry Entry)> changes = [];
        foreach (var entry in page)
        {
            int order;
            while ((order = next < known.Count ? KeyOrder.Instance.Compare(known[next].Key, entry.Key) : 1) < 0)
            {
                changes.Add((true, Gone(known[next++].Key, revision)));
            }

            if (order > 0 || known[next].Revision != entry.Revision)
            {
                changes.Add((false, entry));
            }

            next += order == 0 ? 1 : 0;
            seen.Add((entry.Key, entry.Revision));
        }

        while (next < known.Count && (end is null || KeyOrder.Instance.Compare(known[next].Key, end) <= 0))
        {
            changes.Add((true, Gone(known[next++].Key, revision)));
        }

        // in the order in which it happened, as far as that is known
        changes.Sort((one, other) => one.Entry.Revision.CompareTo(other.Entry.Revision));
        return changes;
    }

    private static Entry Gone(string key, long revision) => new(key, default, 0, revision, null);

    private static int NextPage(ImmutableArray<Entry> page, int limit, ref int largest)
    {
        foreach (var entry in page)
        {
            largest = Math.Max(largest, entry.Value.Length + entry.Key.Length + EntryOverhead);
        }

        return Math.Clamp(PageBytes / largest, 1, Math.Min(limit * 8, LargestPage));
    }

    private async ValueTask<CommitResult> ReadPatientlyAsync(Read read, TimeSpan? patience, CancellationToken cancellationToken)
    {
        long startedAt = coordinator.Time.GetTimestamp();
        var transaction = new Transaction(reads: [read]);
        for (var pause = Backoff.Start; ; pause = Backoff.Next(pause))
        {
            try
            {
                return await coordinator.CommitAsync(transaction, cancellationToken).ConfigureAwait(false);
            }
            catch (ConclaveException e) when (e.IsTransient && (patience is null || coordinator.Time.GetElapsedTime(startedAt) + pause <= patience))
            {
                await Task.Delay(Backoff.Jitter(pause), coordinator.Time, cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
