using System.Text.Json.Serialization;
using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ToolConformance
{
    private const string MapReads = "Map: what was set is what is read, in one round trip and without a lock; keys never meet, and neither do maps.";
    private const string MapErrors = "Map: what cannot be stored or read is an error that names the key, changes nothing, and leaves the rest readable.";

    /// <summary>Get, set, delete, and both at a revision.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhatIsSetInAMapIsReadUntilItIsDeleted(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (Texts(rig.Client()), Texts(rig.Client()));
        Check.Equal(null, await TextAsync(rig, one, "k").ConfigureAwait(false), "a key that nobody has set");
        Check.That(!await EndsAsync(rig, one.DeleteAsync("k")).ConfigureAwait(false), "deleting what is not there says so");
        long first = await EndsAsync(rig, one.SetAsync("k", "a")).ConfigureAwait(false);
        var entry = await EntryAsync(rig, two, "k").ConfigureAwait(false);
        Check.Equal(("k", "a", first), (entry!.Key, entry.Value, entry.Revision), "what another client reads");
        long second = await EndsAsync(rig, two.SetAsync("k", "a")).ConfigureAwait(false);
        Check.That(second > first, $"the revision grows with every set, also to the same value: {first}, {second}");
        Check.Equal(null, await EndsAsync(rig, one.TrySetAsync("k", "b", first)).ConfigureAwait(false), "a set at an old revision");
        Check.Equal(null, await EndsAsync(rig, one.TrySetAsync("k", "b", 0)).ConfigureAwait(false), "a set of what must be absent and is there");
        Check.That(!await EndsAsync(rig, one.TryDeleteAsync("k", first)).ConfigureAwait(false), "a delete at an old revision says so");
        Check.Equal("a", await TextAsync(rig, one, "k").ConfigureAwait(false), "the value after changes at an old revision");
        long? third = await EndsAsync(rig, one.TrySetAsync("k", "c", second)).ConfigureAwait(false);
        Check.That(third > second, $"a set at the present revision has a larger one: {second}, {third}");
        Check.Equal("c", await TextAsync(rig, two, "k").ConfigureAwait(false), "the value after a set at its revision");
        Check.That(await EndsAsync(rig, two.TryDeleteAsync("k", third!.Value)).ConfigureAwait(false), "a delete at the present revision says so");
        Check.Equal(null, await TextAsync(rig, one, "k").ConfigureAwait(false), "a key that was deleted");
        Check.Equal(null, await EndsAsync(rig, one.TrySetAsync("k", "d", third.Value)).ConfigureAwait(false), "a set at the revision of what was deleted");
        Check.That(await EndsAsync(rig, one.TrySetAsync("k", "d", 0)).ConfigureAwait(false) > third, "a set of what must be absent and is has a larger revision than ever before");
        Check.That(await EndsAsync(rig, two.DeleteAsync("k")).ConfigureAwait(false), "deleting what is there says so");
        Check.Equal(null, await TextAsync(rig, one, "k").ConfigureAwait(false), "a key that was deleted again");
    });

    /// <summary>One each, two to change from what is there.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ReadsAndSetsOfAMapTakeOneRoundTripAndUpdatesTwo(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var map = Texts(client);
        long revision = await EndsAsync(rig, map.SetAsync("k", "a")).ConfigureAwait(false);
        await CostsAsync(1, () => EntryAsync(rig, map, "k"), "a get").ConfigureAwait(false);
        await CostsAsync(1, () => EndsAsync(rig, map.TrySetAsync("k", "b", revision)), "a set at a revision").ConfigureAwait(false);
        await CostsAsync(1, () => EndsAsync(rig, map.SetAsync("k", "c")), "a set").ConfigureAwait(false);
        await CostsAsync(2, () => EndsAsync(rig, map.UpdateAsync("k", text => text + "d")), "an update").ConfigureAwait(false);
        await CostsAsync(1, () => EndsAsync(rig, map.UpdateAsync("k", text => text)), "an update to what it is").ConfigureAwait(false);
        await CostsAsync(2, () => EndsAsync(rig, map.DeleteAsync("k")), "a delete").ConfigureAwait(false);
        Check.Equal(1, (await rig.EntriesAsync("change/").ConfigureAwait(false)).Length, "marks that are left by one change after the other");

        async Task CostsAsync<T>(int commits, Func<Task<T>> call, string what)
        {
            int before = client.Store.Commits;
            _ = await call().ConfigureAwait(false);
            rig.CheckCount(commits, client.Store.Commits - before, $"commits of {what}");
        }
    });

    /// <summary>Names and keys that look like parts of each other, and what no name may have.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task KeysOfAMapNeverMeetAndNeitherDoMaps(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        // in the order of their UTF-8 bytes; what is escaped counts as a percent sign
        string[] keys = [" ", "", "\n", "%", "%2F", "\u0085", ".", "..", "/", "//", "a", "a b", "a/", "a//b", "a/b", "x/k", "ä", "\uFFFD", "\U00010000"];
        var client = rig.Client();
        string[] names = ["m", "m/x", "m%2Fx", "m%"];
        foreach (string name in names)
        {
            await Task.WhenAll(keys.Select(key => EndsAsync(rig, Texts(client, name).SetAsync(key, name + key)))).ConfigureAwait(false);
        }

        foreach (string name in names)
        {
            var found = await ListAsync(rig, Texts(client, name)).ConfigureAwait(false);
            Check.Keys(keys, found.Select(e => e.Key), $"the keys of '{name}'");
            Check.That(found.All(e => e.Value == name + e.Key), $"every key of '{name}' has its own value");
        }

        foreach (var map in (DistributedMap<long, string>[])[client.Client.Map<long, string>("n", KitJson.Default.String)])
        {
            long[] numbers = [long.MinValue, -(1L << 53) - 1, -10, -9, -1, 0, 1, 9, 10, (1L << 53) + 1, long.MaxValue];
            foreach (long number in numbers.Reverse())
            {
                await EndsAsync(rig, map.SetAsync(number, $"{number}")).ConfigureAwait(false);
            }

            var found = await ListAsync(rig, map).ConfigureAwait(false);
            Check.Keys(numbers.Select(n => $"{n}"), found.Select(e => $"{e.Key}"), "numbers by size");
        }

        string longest = new('k', StoreLimits.MaxKeyBytes - "map/m/".Length);
        await EndsAsync(rig, Texts(client).SetAsync(longest, "long")).ConfigureAwait(false);
        Check.Equal("long", await TextAsync(rig, Texts(client), longest).ConfigureAwait(false), "what the longest key has");
    });

    /// <summary>Foreign bytes under keys of ours, and keys that are none.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhatOthersHaveDamagedIsAnErrorThatNamesItAndLeavesTheRestOfAMap(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var map = rig.Client().Client.Map<int, string>("m", KitJson.Default.String);
        await EndsAsync(rig, map.SetAsync(1, "one")).ConfigureAwait(false);
        await EndsAsync(rig, map.SetAsync(4, "four")).ConfigureAwait(false);
        const string two = "map/m/00000000000000000002", three = "map/m/3", negative = "map/m/-00000000000000000000";
        await rig.Behind.PutAsync(two, Bytes("{")).ConfigureAwait(false);
        await rig.Behind.PutAsync(three, Bytes("\"three\"")).ConfigureAwait(false);
        await rig.Behind.PutAsync(negative, Bytes("null")).ConfigureAwait(false);
        var error = await Check.ThrowsAsync<StoreFormatException>(() => EntryAsync(rig, map, 2), "reading what is no value").ConfigureAwait(false);
        Check.That(error.Message.Contains("'m'", StringComparison.Ordinal) && error.Message.Contains("00000000000000000002", StringComparison.Ordinal), $"the error names map and key: {error.Message}");
        _ = await Check.ThrowsAsync<StoreFormatException>(() => EndsAsync(rig, map.UpdateAsync(2, _ => "new")), "updating what is no value").ConfigureAwait(false);

        var found = await ListAsync(rig, map).ConfigureAwait(false);
        Check.Keys([negative, "map/m/00000000000000000001", two, "map/m/00000000000000000004", three], found.Select(e => e.StoreKey), "all entries");
        Check.Equal("one four", string.Join(' ', found.Where(e => e.Error is null).Select(e => e.Value)), "the readable ones");
        _ = await Check.ThrowsAsync<StoreFormatException>(() => Task.FromResult(found[2].Value), "the value that is none").ConfigureAwait(false);
        _ = await Check.ThrowsAsync<StoreFormatException>(() => Task.FromResult(found[4].Key), "the key that is none").ConfigureAwait(false);
        Check.Equal(2, found[2].Key, "the key of a value that is none");

        error = await Check.ThrowsAsync<StoreFormatException>(() => EndsAsync(rig, map.UpdateAllAsync(e => e.Value + "!")), "changing all").ConfigureAwait(false);
        Check.That(error.Message.StartsWith("3 of the entries", StringComparison.Ordinal), $"how many could not be read is told: {error.Message}");
        Check.Equal("one! four!", string.Join(' ', (await ListAsync(rig, map).ConfigureAwait(false)).Where(e => e.Error is null).Select(e => e.Value)), "the readable ones after all were changed");
        Check.That((await rig.EntriesAsync(two, three, negative).ConfigureAwait(false)).Select(e => Text(e.Value)).SequenceEqual(["{", "\"three\"", "null"]), "what is damaged is kept");
        Check.That(await EndsAsync(rig, map.DeleteAsync(2)).ConfigureAwait(false), "what is damaged is deleted like anything else");
        await EndsAsync(rig, map.SetAsync(2, "two")).ConfigureAwait(false);
        Check.Equal("two", (await EntryAsync(rig, map, 2).ConfigureAwait(false))!.Value, "the value that was put right");
    });

    /// <summary>The largest value, and one byte more.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhatDoesNotFitIntoAMapIsRefusedAndNamesTheKey(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var map = Texts(client);
        const int most = 316 * 1024;
        string largest = new('v', most - 2);
        await EndsAsync(rig, map.SetAsync("k", largest)).ConfigureAwait(false);
        Check.That(largest == await TextAsync(rig, map, "k").ConfigureAwait(false), "the largest value is read as it was set");
        int before = client.Store.Commits;
        foreach (var refused in (Func<Task>[])
        [
            () => EndsAsync(rig, map.SetAsync("k", largest + "v")),
            () => EndsAsync(rig, map.TrySetAsync("k", null!, 0)),
            () => EndsAsync(rig, map.SetAsync(new('k', 1020), "v")),
            () => EndsAsync(rig, map.SetAsync("k\ud800", "v")),
            () => EndsAsync(rig, map.GetAsync(null!)),
        ])
        {
            string message = (await Check.ThrowsAsync<ArgumentException>(refused, "what cannot be stored").ConfigureAwait(false)).Message;
            Check.That(message.Contains("'m'", StringComparison.Ordinal) && (message.Contains("'k", StringComparison.Ordinal) || message.Contains("null", StringComparison.Ordinal)), $"the error names map and key: {message}");
        }

        Check.Equal(before, client.Store.Commits, "commits of what was refused: none is sent");
        _ = await Check.ThrowsAsync<ArgumentException>(() => EndsAsync(rig, map.UpdateAsync("k", text => text + "v")), "an update to what does not fit").ConfigureAwait(false);
        Check.That(largest == await TextAsync(rig, map, "k").ConfigureAwait(false), "the value is as it was");
    });

    /// <summary>An ordinary lock, which the map does not ask for.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task TheLockOfAKeyExcludesWhoAsksForItAndNobodyElse(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var claim = await TakeAsync(rig, Texts(one).Lock("k").AcquireAsync()).ConfigureAwait(false);
        Check.Equal("map/m/k", claim.Name, "the name of the lock");
        await FailsAsync(rig, Texts(two).Lock("k").TryAcquireAsync(), "a try of the lock of a key that somebody holds").ConfigureAwait(false);
        await FailsAsync(rig, two.Lock("map/m/k").TryAcquireAsync(), "a try of the same by its name").ConfigureAwait(false);
        await EndsAsync(rig, Texts(two).SetAsync("k", "v")).ConfigureAwait(false);
        Check.Equal("v", await TextAsync(rig, Texts(two), "k").ConfigureAwait(false), "what somebody without the lock has set");
        var others = await TakeTriedAsync(rig, Texts(two).Lock(new('k', 900)).TryAcquireAsync()).ConfigureAwait(false);
        await FailsAsync(rig, Texts(one).Lock(new('k', 900)).TryAcquireAsync(), "a try of the lock of a long key").ConfigureAwait(false);
        await ReleaseAsync(rig, others).ConfigureAwait(false);
        await ReleaseAsync(rig, claim).ConfigureAwait(false);
    });

    private static DistributedMap<string, string> Texts(RigClient client, string name = "m") => client.Client.Map<string, string>(name, KitJson.Default.String);

    private static DistributedMap<int, long> Sums(RigClient client) => client.Client.Map<int, long>("n", KitJson.Default.Int64);

    private static Task<T> EndsAsync<T>(ClaimRig rig, ValueTask<T> call) => rig.EventuallyAsync(call.AsTask(), "a call of a map ends");

    private static Task<MapEntry<TKey, TValue>?> EntryAsync<TKey, TValue>(ClaimRig rig, DistributedMap<TKey, TValue> map, TKey key)
        where TKey : notnull =>
        rig.EventuallyAsync(PatientlyAsync(rig, () => map.GetAsync(key)), "an entry is read");

    private static async Task<string?> TextAsync(ClaimRig rig, DistributedMap<string, string> map, string key) => (await EntryAsync(rig, map, key).ConfigureAwait(false))?.Value;

    private static Task<List<MapEntry<TKey, TValue>>> ListAsync<TKey, TValue>(ClaimRig rig, DistributedMap<TKey, TValue> map)
        where TKey : notnull =>
        rig.EventuallyAsync(map.EnumerateAsync().ToListAsync().AsTask(), "a map is enumerated");
}

/// <summary>The values of the kit's maps.</summary>
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(long))]
internal sealed partial class KitJson : JsonSerializerContext;
