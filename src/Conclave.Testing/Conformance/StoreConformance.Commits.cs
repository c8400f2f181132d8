using System.Collections.Concurrent;
using System.Globalization;
using Conclave.Storage;

namespace Conclave.Testing;

public static partial class StoreConformance
{
    /// <summary>Absent and unchanged, on both sides of each.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task ConditionsGuardEveryWrite(StoreHarness harness)
    {
        var store = Connect(harness);
        long? first = await store.TryPutAsync("a", Bytes("1"), expectedRevision: 0).ConfigureAwait(false);
        Check.That(first > 0, "a put of an absent key is accepted under Absent");
        Check.That(await store.TryPutAsync("a", Bytes("2"), 0).ConfigureAwait(false) is null, "Absent refuses a key that is there");
        long? second = await store.TryPutAsync("a", Bytes("2"), first!.Value).ConfigureAwait(false);
        Check.That(second > first, "Unchanged accepts the revision that was read");
        Check.That(await store.TryPutAsync("a", Bytes("3"), first.Value).ConfigureAwait(false) is null, "Unchanged refuses an older revision");
        Check.That(await store.TryPutAsync("a", Bytes("3"), second!.Value + 1).ConfigureAwait(false) is null, "Unchanged refuses a revision that never was");
        Check.That(await store.TryPutAsync("b", Bytes("3"), second.Value).ConfigureAwait(false) is null, "Unchanged refuses a key that is absent");
        await store.DeleteAsync("a").ConfigureAwait(false);
        await store.PutAsync("a", Bytes("2")).ConfigureAwait(false);
        Check.That(await store.TryPutAsync("a", Bytes("3"), second.Value).ConfigureAwait(false) is null, "Unchanged refuses a key that was deleted and put again");
    }

    /// <summary>Sixteen writers and a reader: a revision drawn before the lock, as by a bare sequence, is seen here.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task TheOrderOfRevisionsIsTheOrderOfVisibility(StoreHarness harness)
    {
        const int writers = 16;
        var stores = new[] { Connect(harness), Connect(harness) };
        var acknowledged = new ConcurrentDictionary<string, long>();
        var revisions = new ConcurrentBag<long>();
        int snapshots = 0;
        using var done = new CancellationTokenSource();
        var reader = Task.Run(async () =>
        {
            long last = 0;
            var before = new Dictionary<string, long>();
            while (!done.IsCancellationRequested)
            {
                var known = acknowledged.ToArray();
                var snapshot = await stores[snapshots % 2].CommitAsync(new(reads: [Read.Scan("w/")])).ConfigureAwait(false);
                var seen = snapshot.Reads[0].ToDictionary(e => e.Key, e => e.Revision);
                Check.That(snapshot.Revision >= last, $"a later read is of a later state: {snapshot.Revision} after {last}");
                Check.That(seen.Values.All(r => r <= snapshot.Revision), "no entry of a read is newer than the read's revision");
                Check.That(known.All(k => seen.GetValueOrDefault(k.Key) >= k.Value), "an acknowledged write is visible to a read that starts after it");
                Check.That(
                    seen.All(e => before.GetValueOrDefault(e.Key) == e.Value || e.Value > last),
                    $"what is new since a read of revision {last} has a later revision: {string.Join(' ', seen.Except(before))}");
                (last, before) = (snapshot.Revision, seen);
                Interlocked.Increment(ref snapshots);
                await Task.Yield();
            }
        });
        await Task.WhenAll(Enumerable.Range(0, writers).Select(w => Task.Run(async () =>
        {
            for (int i = 0; i < 40 || (Volatile.Read(ref snapshots) < 20 && !reader.IsCompleted); i++)
            {
                long revision = await stores[w % 2].PutAsync(Key("w", w), default).ConfigureAwait(false);
                revisions.Add(revision);
                acknowledged[Key("w", w)] = revision;
            }
        }))).ConfigureAwait(false);
        await done.CancelAsync().ConfigureAwait(false);
        await reader.ConfigureAwait(false);
        Check.That(snapshots >= 20, $"the run is strong enough: {snapshots} snapshots");
        Check.Equal(revisions.Count, revisions.Distinct().Count(), "distinct revisions of concurrent commits");
    }

    /// <summary>What one store object was told is done, the next read of another shows.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task AcknowledgedCommitsAreSeenByEveryStoreObject(StoreHarness harness)
    {
        var one = Connect(harness);
        var two = Connect(harness);
        for (int i = 0; i < 50; i++)
        {
            long revision = await one.PutAsync("x", Bytes("1")).ConfigureAwait(false);
            var seen = await two.GetAsync("x").ConfigureAwait(false);
            Check.Equal(revision, seen?.Revision ?? 0, "the revision that the other store object reads");
            await two.DeleteAsync("x").ConfigureAwait(false);
            Check.That(await one.GetAsync("x").ConfigureAwait(false) is null, "a delete by the other store object is visible");
        }
    }

    /// <summary>Eight writers increase one number by compare-and-set.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task ACounterUnderConditionsLosesNothing(StoreHarness harness)
    {
        var stores = new[] { Connect(harness), Connect(harness) };
        await stores[0].PutAsync("n", Bytes("0")).ConfigureAwait(false);
        int conflicts = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(w => Task.Run(async () =>
        {
            var store = stores[w % 2];
            for (int i = 0; i < 25 || (Volatile.Read(ref conflicts) == 0 && i < 5000); i++)
            {
                while (true)
                {
                    var entry = (await store.GetAsync("n").ConfigureAwait(false))!;
                    await Task.Yield();
                    int next = int.Parse(Text(entry), CultureInfo.InvariantCulture) + 1;
                    if (await store.TryPutAsync("n", Bytes(next.ToString(CultureInfo.InvariantCulture)), entry.Revision).ConfigureAwait(false) is not null)
                    {
                        await store.PutAsync(string.Create(CultureInfo.InvariantCulture, $"done/{w}-{i}"), default).ConfigureAwait(false);
                        break;
                    }

                    Interlocked.Increment(ref conflicts);
                }
            }
        }))).ConfigureAwait(false);
        int done = 0;
        await foreach (var entry in stores[0].ScanAsync("done/").ConfigureAwait(false))
        {
            done += entry.Key.Length > 0 ? 1 : 0;
        }

        Check.That(conflicts > 0, "the run is strong enough: there were conflicts");
        Check.Equal(done, int.Parse(Text((await stores[0].GetAsync("n").ConfigureAwait(false))!), CultureInfo.InvariantCulture), "the counter after all increments");
    }

    /// <summary>Whatever happens to a key, its next revision is larger: a hundred thousand rounds, or as many as two seconds hold.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task RevisionsNeverRepeatOverDeleteExpiryAndReopening(StoreHarness harness)
    {
        const int wanted = 100_000;
        const int reopenings = 10;
        const int workers = 8;
        long start = TimeProvider.System.GetTimestamp();
        int rounds = 0;
        long highest = 0;
        for (int opened = 0; opened < reopenings; opened++)
        {
            var store = Connect(harness);
            long before = highest;
            var budget = TimeSpan.FromSeconds(2) * (opened + 1) / reopenings;
            long[] last = await Task.WhenAll(Enumerable.Range(0, workers).Select(w => Task.Run(() => ChurnAsync(store, Key("x", w), before, budget)))).ConfigureAwait(false);
            highest = last.Max();

            // another object stays open: the namespace of an engine in memory ends with its last one
            _ = Connect(harness);
            await store.DisposeAsync().ConfigureAwait(false);
        }

        Check.That(rounds >= 100, $"the run is strong enough: {rounds} rounds");

        async Task<long> ChurnAsync(IStore store, string key, long last, TimeSpan budget)
        {
            for (int i = 0; i < wanted / reopenings / workers && (i < 2 || TimeProvider.System.GetElapsedTime(start) < budget); i++)
            {
                SessionId? session = i % 16 == 0 ? (await store.OpenSessionAsync(StoreLimits.MinTimeToLive).ConfigureAwait(false)).Id : null;
                long revision = await store.PutAsync(key, default, session).ConfigureAwait(false);
                Check.That(revision > last, $"revision {revision} of {key} follows {last}");
                last = revision;
                await (session is { } ends ? store.CloseSessionAsync(ends).AsTask() : store.DeleteAsync(key).AsTask()).ConfigureAwait(false);
                Interlocked.Increment(ref rounds);
            }

            return last;
        }
    }

    /// <summary>A put is a change, whatever it puts.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task APutWithEqualBytesChangesTheRevisionAndKeepsTheCreateRevision(StoreHarness harness)
    {
        var store = Connect(harness);
        long created = await store.PutAsync("a", Bytes("1")).ConfigureAwait(false);
        long changed = await store.PutAsync("a", Bytes("1")).ConfigureAwait(false);
        var entry = (await store.GetAsync("a").ConfigureAwait(false))!;
        Check.That(changed > created, "a put with equal bytes changes the revision");
        Check.Equal((created, changed), (entry.CreateRevision, entry.Revision), "create revision and revision");
        await store.DeleteAsync("a").ConfigureAwait(false);
        long again = await store.PutAsync("a", Bytes("1")).ConfigureAwait(false);
        Check.Equal((again, again), ((await store.GetAsync("a").ConfigureAwait(false))!.CreateRevision, again), "create revision after delete and put");
    }

    /// <summary>A delete of nothing is accepted and draws no revision.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task DeletingWhatIsAbsentChangesNothing(StoreHarness harness)
    {
        var store = Connect(harness);
        await store.PutAsync("a", default).ConfigureAwait(false);

        // an engine may have one revision for all namespaces, which others change meanwhile: but not as often as this, if a delete of nothing does not
        const int deletes = 64;
        await harness.UntilAsync(
            async () =>
            {
                long before = (await store.CommitAsync(new()).ConfigureAwait(false)).Revision;
                var deleted = await Task.WhenAll(Enumerable.Range(0, deletes).Select(_ => store.CommitAsync(new(writes: [Write.Delete("b")])).AsTask())).ConfigureAwait(false);
                Check.That(deleted.All(d => d.Accepted), "the delete is accepted");
                return (await store.CommitAsync(new()).ConfigureAwait(false)).Revision - before < deletes;
            },
            "deleting nothing does not change the revision").ConfigureAwait(false);
    }

    /// <summary>Reads come after writes.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task AScanAfterAPutSeesItAndOneCommitHasOneRevision(StoreHarness harness)
    {
        var store = Connect(harness);
        await store.PutAsync("a/0", default).ConfigureAwait(false);
        var result = await store.CommitAsync(new(
            writes: [Write.Put("a/1", Bytes("x")), Write.Put("a/2", Bytes("y")), Write.Delete("a/0")],
            reads: [Read.Scan("a/"), Read.Get("a/2"), Read.Get("a/0")])).ConfigureAwait(false);
        Check.Keys(["a/1", "a/2"], result.Reads[0].Select(e => e.Key), "a scan after puts and a delete");
        Check.That(result.Reads[0].All(e => e.CreateRevision == result.Revision && e.Revision == result.Revision), "entries of one commit share its revision");
        Check.Equal("y", Text(result.Get(1)!), "a get after a put");
        Check.That(result.Get(2) is null, "a get after a delete finds nothing");
    }

    /// <summary>All or nothing.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task ARefusedCommitWritesNothingAndAnswersItsReads(StoreHarness harness)
    {
        var store = Connect(harness);
        long revision = await store.PutAsync("a", Bytes("1")).ConfigureAwait(false);
        var refused = await store.CommitAsync(new(
            [Condition.Absent("b"), Condition.Absent("a")],
            [Write.Put("b", default), Write.Delete("a")],
            [Read.Get("a"), Read.Get("b")])).ConfigureAwait(false);
        Check.That(!refused.Accepted, "one failed condition refuses the commit");
        Check.Equal(revision, refused.Get(0)?.Revision ?? 0, "the read of a refused commit");
        Check.That(refused.Get(1) is null && await store.GetAsync("b").ConfigureAwait(false) is null, "a refused commit writes nothing");
        Check.That(await store.GetAsync("a").ConfigureAwait(false) is not null, "a refused commit deletes nothing");
        var read = await store.CommitAsync(new([Condition.Absent("a")], reads: [Read.Get("a")])).ConfigureAwait(false);
        Check.That(!read.Accepted && read.Get(0) is not null, "a commit that only reads reports its conditions too");
    }

    /// <summary>U+10000 comes after U+FFFD in UTF-8, before it in UTF-16.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task KeysAreOrderedByTheirUtf8Bytes(StoreHarness harness)
    {
        var store = Connect(harness);
        foreach (string key in (string[])["k/\uFFFD", "k/\U00010000", "k/a", "k/B", "k/", "k/\uE000", "k/é", "k", "k0"])
        {
            await store.PutAsync(key, default).ConfigureAwait(false);
        }

        var scan = await store.CommitAsync(new(reads: [Read.Scan("k/")])).ConfigureAwait(false);
        Check.Keys(["k/", "k/B", "k/a", "k/é", "k/\uE000", "k/\uFFFD", "k/\U00010000"], scan.Reads[0].Select(e => e.Key), "the order of a scan");
    }

    /// <summary>The end of a range is not made by adding one to a character.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task APrefixMayEndInTheLastCharacterThereIs(StoreHarness harness)
    {
        var store = Connect(harness);
        foreach (string key in (string[])["p\U0010FFFF", "p\U0010FFFFz", "q"])
        {
            await store.PutAsync(key, default).ConfigureAwait(false);
        }

        var scan = await store.CommitAsync(new(reads: [Read.Scan("p\U0010FFFF"), Read.Scan("")])).ConfigureAwait(false);
        Check.Keys(["p\U0010FFFF", "p\U0010FFFFz"], scan.Reads[0].Select(e => e.Key), "a scan of the last character");
        Check.Equal(3, scan.Reads[1].Length, "entries of a scan of everything");
    }

    /// <summary>Start and limit of a scan.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task PagesContinueWhereTheLastOneEnded(StoreHarness harness)
    {
        var store = Connect(harness);
        string[] keys = [.. Enumerable.Range(0, 120).Select(i => string.Create(CultureInfo.InvariantCulture, $"page/{i:D4}"))];
        foreach (string[] chunk in keys.Chunk(50))
        {
            await store.CommitAsync(new(writes: [.. chunk.Select(k => Write.Put(k, default))])).ConfigureAwait(false);
        }

        var scans = await store.CommitAsync(new(reads:
        [
            Read.Scan("page/"), Read.Scan("page/", "page/0003", 2), Read.Scan("page/", "a", 1), Read.Scan("page/", "page/9"), Read.Scan("page/", "z"), Read.Scan("page/", "page/0118"),
        ])).ConfigureAwait(false);
        Check.Keys(keys, scans.Reads[0].Select(e => e.Key), "a scan without a limit");
        Check.Keys(["page/0004", "page/0005"], scans.Reads[1].Select(e => e.Key), "a page behind a key");
        Check.Keys(["page/0000"], scans.Reads[2].Select(e => e.Key), "a start before the prefix");
        Check.That(scans.Reads[3].IsEmpty && scans.Reads[4].IsEmpty, "a start behind the last key finds nothing");
        Check.Keys(["page/0119"], scans.Reads[5].Select(e => e.Key), "the last page");
    }

    /// <summary>Enumerates while half of the entries come and go.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task AnUnchangedEntryAppearsOnceInPagesWhileOthersComeAndGo(StoreHarness harness)
    {
        var store = Connect(harness);
        for (int i = 0; i < 100; i++)
        {
            await store.PutAsync(string.Create(CultureInfo.InvariantCulture, $"e/{i:D3}"), default).ConfigureAwait(false);
        }

        using var done = new CancellationTokenSource();
        int changes = 0;
        var churn = Task.Run(async () =>
        {
            for (int i = 1; !done.IsCancellationRequested || changes < 50; i = (i + 2) % 100 | 1)
            {
                string key = string.Create(CultureInfo.InvariantCulture, $"e/{i:D3}");
                await store.DeleteAsync(key).ConfigureAwait(false);
                await store.PutAsync(key, default).ConfigureAwait(false);
                changes++;
                await Task.Yield();
            }
        });
        for (int round = 0; round < 20; round++)
        {
            var seen = new List<string>();
            string? startAfter = null;
            while (true)
            {
                var page = (await store.CommitAsync(new(reads: [Read.Scan("e/", startAfter, 7)])).ConfigureAwait(false)).Reads[0];
                seen.AddRange(page.Select(e => e.Key));
                if (page.IsEmpty)
                {
                    break;
                }

                startAfter = page[^1].Key;
                await Task.Yield();
            }

            Check.Equal(seen.Count, seen.Distinct().Count(), "keys that appear once");
            Check.Equal(50, seen.Count(k => (k[^1] - '0') % 2 == 0), "unchanged entries in the pages");
        }

        await done.CancelAsync().ConfigureAwait(false);
        await churn.ConfigureAwait(false);
    }

    /// <summary>56 operations, and nearly 320 KiB with keys of three bytes a character.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task TheLargestLegalTransactionIsApplied(StoreHarness harness)
    {
        var store = Connect(harness);
        var writes = Enumerable.Range(0, StoreLimits.MaxOperations - 1)
            .Select(i => Write.Put(string.Create(CultureInfo.InvariantCulture, $"{i:D2}%{new string('€', 340)}"), new byte[4800]))
            .ToArray();
        var result = await store.CommitAsync(new(writes: writes, reads: [Read.Scan("")])).ConfigureAwait(false);
        Check.Equal(writes.Length, result.Reads[0].Length, "entries of the largest transaction");
        Check.That(result.Reads[0].All(e => e.Value.Length == 4800), "every value arrived whole");
    }

    private static string Key(string prefix, int number) => string.Create(CultureInfo.InvariantCulture, $"{prefix}/{number}");

    private static IStore Connect(StoreHarness harness)
    {
        ArgumentNullException.ThrowIfNull(harness);
        return harness.Connect();
    }
}
