using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ToolConformance
{
    private const string MapInOrder = "Map: an enumeration is in the order of the keys, page by page, and misses nothing that is there throughout.";
    private const string MapChanges = "Map: who observes is told what is there and then what changes, the last state for certain, across outages.";

    /// <summary>Several pages, while somebody deletes, sets and adds between them.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhoEnumeratesAMapMeetsWhatIsThereThroughoutOnceAndInOrder(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        const int entries = 200;
        foreach (int[] some in Enumerable.Range(0, entries).Chunk(50))
        {
            await rig.Behind.CommitAsync(new(writes: [.. some.Select(i => Write.Put($"map/n/{i * 10:D20}", Bytes($"{i}")))])).ConfigureAwait(false);
        }

        var (one, two) = (rig.Client(), rig.Client());
        var random = new Random(harness.Seed);
        var found = new List<int>();
        await rig.EventuallyAsync(ReadAsync(), "a map is enumerated").ConfigureAwait(false);
        Check.That(found.SequenceEqual(found.Order().Distinct()), $"keys come in order, each once: {string.Join(' ', found)}");
        int[] throughout = [.. Enumerable.Range(0, entries).Select(i => i * 10).Where(k => k % 100 != 50)];
        Check.Equal("", string.Join(' ', throughout.Except(found)), "what is there throughout and was missed");
        Check.That(!found.Contains(1995), "what was deleted before its page is not there");
        var behind = await rig.EventuallyAsync(Sums(one).EnumerateAfterAsync(1500).Take(2).ToListAsync().AsTask(), "a map is enumerated from a key on").ConfigureAwait(false);
        Check.Equal("1510 1520", string.Join(' ', behind.Select(e => e.Key)), "what stands behind a key");

        async Task ReadAsync()
        {
            await foreach (var entry in Sums(one).EnumerateAsync().ConfigureAwait(false))
            {
                found.Add(entry.Key);
                if (found.Count % 20 == 1)
                {
                    // before and behind what is being read
                    int at = random.Next(20) * 100;
                    await Sums(two).DeleteAsync(at + 50).ConfigureAwait(false);
                    await Sums(two).SetAsync(at + 35, 0).ConfigureAwait(false);
                    await Sums(two).SetAsync(1995, 0).ConfigureAwait(false);
                    await Sums(two).DeleteAsync(1995).ConfigureAwait(false);
                }
            }
        }
    });

    /// <summary>A map and one of its keys, cut off while they change.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhoObservesAMapIsToldWhatChangesAcrossAnOutage(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var map = Texts(one);
        await EndsAsync(rig, map.SetAsync("a", "1")).ConfigureAwait(false);
        var all = Watcher.Start(Texts(two).ObserveAsync, c => $"{c.Key}={c.Entry?.Value ?? "-"}");
        var key = Watcher.Start(cancellationToken => Texts(two).ObserveAsync("b", cancellationToken), e => e?.Value ?? "-");
        await all.SeesAsync(rig, "a=1").ConfigureAwait(false);
        await key.SeesAsync(rig, "-").ConfigureAwait(false);
        await EndsAsync(rig, map.SetAsync("b", "2")).ConfigureAwait(false);
        await all.SeesAsync(rig, "a=1 b=2").ConfigureAwait(false);
        await key.SeesAsync(rig, "- 2").ConfigureAwait(false);
        await EndsAsync(rig, map.DeleteAsync("a")).ConfigureAwait(false);
        await all.SeesAsync(rig, "a=1 b=2 a=-").ConfigureAwait(false);

        var failures = await two.CutOffAsync().ConfigureAwait(false);
        await EndsAsync(rig, map.SetAsync("c", "3")).ConfigureAwait(false);
        await EndsAsync(rig, map.SetAsync("c", "4")).ConfigureAwait(false);
        await EndsAsync(rig, map.DeleteAsync("b")).ConfigureAwait(false);
        await EndsAsync(rig, map.SetAsync("d", "5")).ConfigureAwait(false);
        await EndsAsync(rig, map.DeleteAsync("d")).ConfigureAwait(false);
        await rig.UntilAsync(() => failures() >= 3, "who observes notices the outage").ConfigureAwait(false);
        Check.Equal(("a=1 b=2 a=-", "- 2"), (all.Seen, key.Seen), "what was told during an outage");
        two.Store.Reset();
        await all.SeesAsync(rig, "a=1 b=2 a=- c=4 b=-").ConfigureAwait(false);
        await key.SeesAsync(rig, "- 2 -").ConfigureAwait(false);
        await EndsAsync(rig, map.DeleteAsync("c")).ConfigureAwait(false);
        await all.SeesAsync(rig, "a=1 b=2 a=- c=4 b=- c=-").ConfigureAwait(false);
        Check.Equal((6, 3), (all.Count, key.Count), "nothing is told twice: how often anything was told");
        await all.EndAsync(rig).ConfigureAwait(false);
        await key.EndAsync(rig).ConfigureAwait(false);
    });

    /// <summary>Several pages; two change it while it is watched.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhoObservesALargeMapKnowsInTheEndWhatIsThere(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        const int entries = 150;
        foreach (int[] some in Enumerable.Range(0, entries).Chunk(50))
        {
            await rig.Behind.CommitAsync(new(writes: [.. some.Select(i => Write.Put($"map/n/{i:D20}", Bytes("0")))])).ConfigureAwait(false);
        }

        var (one, two, three) = (rig.Client(), rig.Client(), rig.Client());
        var known = new SortedDictionary<int, (long Value, long Revision)>();
        int told = 0;
        string wrong = "";
        var watcher = Watcher.Start(Sums(three).ObserveAsync, change =>
        {
            lock (known)
            {
                told++;
                wrong += known.TryGetValue(change.Key, out var before) && before.Revision >= change.Revision ? $" {change} after {before}" : "";
                _ = change.Entry is { } entry ? (object)(known[change.Key] = (entry.Value, entry.Revision)) : known.Remove(change.Key);
            }

            return "";
        });
        await rig.UntilAsync(() => Volatile.Read(ref told) >= entries, "what is there is told").ConfigureAwait(false);
        await rig.EventuallyAsync(Task.WhenAll(ChangeAsync(one, 1), ChangeAsync(two, 2)), "the map is changed").ConfigureAwait(false);
        var last = await ListAsync(rig, Sums(one)).ConfigureAwait(false);
        await rig.UntilAsync(
            () =>
            {
                lock (known)
                {
                    return known.Select(k => (k.Key, k.Value.Value)).SequenceEqual(last.Select(e => (e.Key, e.Value)));
                }
            },
            "who observes knows what is there").ConfigureAwait(false);
        Check.Equal("", wrong, "changes that were told in another order than their revisions");
        await watcher.EndAsync(rig).ConfigureAwait(false);

        async Task ChangeAsync(RigClient client, int number)
        {
            var random = new Random((harness.Seed * 10) + number);
            for (int i = 0; i < 15; i++)
            {
                int key = random.Next(entries + 20);
                _ = random.Next(3) == 0 ? await Sums(client).DeleteAsync(key).ConfigureAwait(false) : await Sums(client).SetAsync(key, i + 1).ConfigureAwait(false) > 0;
            }
        }
    });
}
