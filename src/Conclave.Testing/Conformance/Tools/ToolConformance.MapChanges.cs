using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ToolConformance
{
    private const string MapExactly = "Map: a change happens exactly once, also when answers are lost; only when the session ends in that moment it is not known.";

    /// <summary>Applied or not, once or often.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AChangeOfAMapWhoseAnswerIsLostHappensOnce(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var map = Texts(client);
        foreach (var (applied, times) in ((bool, int)[])[(true, 1), (false, 1), (true, 3), (false, 3)])
        {
            string how = $"when answers are lost {times} times, {(applied ? "applied" : "not applied")}";
            long? revision = await LosingAsync(() => map.TrySetAsync("k", "a", 0)).ConfigureAwait(false);
            Check.Equal((revision, "a"), await SeenAsync().ConfigureAwait(false), $"the entry that was created {how}");
            revision = await LosingAsync(() => map.SetAsync("k", "b")).ConfigureAwait(false);
            Check.Equal((revision, "b"), await SeenAsync().ConfigureAwait(false), $"the entry that was set {how}");
            revision = await LosingAsync(() => map.TrySetAsync("k", "c", revision.Value)).ConfigureAwait(false);
            Check.Equal((revision, "c"), await SeenAsync().ConfigureAwait(false), $"the entry that was set at its revision {how}");
            var updated = await LosingAsync(() => map.UpdateAsync("k", text => text + "d")).ConfigureAwait(false);
            Check.Equal((updated?.Revision, updated?.Value), await SeenAsync().ConfigureAwait(false), $"the entry that was updated {how}");
            Check.Equal("cd", updated?.Value, $"what an update makes {how}");
            Check.Equal(null, await LosingAsync(() => map.TrySetAsync("k", "e", revision!.Value)).ConfigureAwait(false), $"a set at an old revision {how}");
            Check.That(await LosingAsync(() => times == 1 ? map.DeleteAsync("k") : map.TryDeleteAsync("k", updated!.Revision)).ConfigureAwait(false), $"a delete says that it deleted {how}");
            Check.Equal((null, null), await SeenAsync().ConfigureAwait(false), $"what was deleted {how}");

            async Task<T> LosingAsync<T>(Func<ValueTask<T>> call)
            {
                client.LoseAnswers(InterceptedStore.IsJoin, applied, times);
                var result = await EndsAsync(rig, call()).ConfigureAwait(false);
                client.Store.Reset();
                return result;
            }

            async Task<(long? Revision, string? Value)> SeenAsync() =>
                await EntryAsync(rig, map, "k").ConfigureAwait(false) is { } entry ? (entry.Revision, entry.Value) : (null, null);
        }
    });

    /// <summary>Somebody else's change comes between the lost one and the question what became of it.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AChangeThatSomebodyHasOverwrittenIsKnownAllTheSame(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var map = Texts(one);
        foreach (bool applied in (bool[])[true, false])
        {
            long before = await EndsAsync(rig, map.SetAsync("k", "a")).ConfigureAwait(false);
            LoseOne();
            Check.Equal(applied, await EndsAsync(rig, map.TrySetAsync("k", "b", before)).ConfigureAwait(false) is not null, "whether a set was applied that somebody else came after");
            Check.Equal("theirs", await TextAsync(rig, map, "k").ConfigureAwait(false), "what somebody else has set after it");
            LoseOne();
            var updated = await EndsAsync(rig, map.UpdateAsync("k", text => text + "+")).ConfigureAwait(false);
            Check.Equal("theirs+", updated?.Value, "what an update makes that somebody else came after");
            Check.Equal(applied ? "theirs" : "theirs+", await TextAsync(rig, map, "k").ConfigureAwait(false), "the value when somebody else came after an update");

            void LoseOne()
            {
                int left = 1;
                one.Store.OnCommit = async (transaction, next) =>
                {
                    if (!InterceptedStore.IsJoin(transaction) || Interlocked.Decrement(ref left) != 0)
                    {
                        return await next().ConfigureAwait(false);
                    }

                    _ = applied ? await next().ConfigureAwait(false) : null;
                    await EndsAsync(rig, Texts(two).SetAsync("k", "theirs")).ConfigureAwait(false);
                    throw new OutcomeUnknownException("the connection was cut");
                };
            }
        }
    });

    /// <summary>A request that lands when its caller has long taken another way.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AChangeOfAMapThatIsStillOnItsWayCannotLandLater(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var map = Texts(client);
        var late = await LateAsync(() => map.SetAsync("k", "a")).ConfigureAwait(false);
        await EndsAsync(rig, map.SetAsync("k", "b")).ConfigureAwait(false);
        await RefusedAsync(late, "a set").ConfigureAwait(false);
        Check.Equal("b", await TextAsync(rig, map, "k").ConfigureAwait(false), "the value after a set came late");
        late = await LateAsync(() => map.DeleteAsync("k")).ConfigureAwait(false);
        long revision = await EndsAsync(rig, map.SetAsync("k", "c")).ConfigureAwait(false);
        await RefusedAsync(late, "a delete").ConfigureAwait(false);

        // refused, because the key is there: and must stay so when it is not
        var refused = await LateAsync(() => map.TrySetAsync("k", "d", 0)).ConfigureAwait(false);
        Check.That(await EndsAsync(rig, Texts(rig.Client()).TryDeleteAsync("k", revision)).ConfigureAwait(false), "somebody else deletes it");
        await RefusedAsync(refused, "a set that was refused").ConfigureAwait(false);
        Check.Equal(null, await TextAsync(rig, map, "k").ConfigureAwait(false), "the value after a set came late that was refused");

        async Task<Transaction> LateAsync<T>(Func<ValueTask<T>> call)
        {
            Transaction? held = null;
            client.Store.OnCommit = (transaction, next) =>
                InterceptedStore.IsJoin(transaction) && Interlocked.CompareExchange(ref held, transaction, null) is null
                    ? throw new OutcomeUnknownException("the request is still on its way")
                    : next();
            _ = await EndsAsync(rig, call()).ConfigureAwait(false);
            client.Store.Reset();
            return held!;
        }

        async Task RefusedAsync(Transaction held, string what) =>
            Check.That(!(await rig.Behind.CommitAsync(held).ConfigureAwait(false)).Accepted, $"{what} that comes late is refused");
    });

    /// <summary>Who gives up leaves its mark to the next one, and its change may land in between.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AChangeThatIsCancelledDisturbsNoLaterOne(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var map = Texts(client);
        await EndsAsync(rig, map.SetAsync("warm", "up")).ConfigureAwait(false);
        foreach (bool lands in (bool[])[true, false])
        {
            Transaction? late = null;
            using var cancel = new CancellationTokenSource();
            client.Store.OnCommit = (transaction, next) =>
            {
                if (!InterceptedStore.IsJoin(transaction))
                {
                    return next();
                }

                late = transaction;
                cancel.Cancel();
                throw new OutcomeUnknownException("the request is still on its way");
            };
            _ = await Check.ThrowsAsync<OperationCanceledException>(() => EndsAsync(rig, map.SetAsync("a", "cancelled", cancel.Token)), "a set that is cancelled").ConfigureAwait(false);
            client.Store.Reset();
            if (lands)
            {
                Check.That((await rig.Behind.CommitAsync(late!).ConfigureAwait(false)).Accepted, "a set that was cancelled may land before anything else is changed");
            }

            client.LoseAnswers(InterceptedStore.IsJoin, applied: true, times: 1);
            var updated = await EndsAsync(rig, map.UpdateAsync("b", text => text + "+")).ConfigureAwait(false);
            Check.Equal(lands ? "+" : "++", updated?.Value, "what the next change makes");
            client.Store.Reset();
            Check.That(!(await rig.Behind.CommitAsync(late!).ConfigureAwait(false)).Accepted, "no later");
            Check.Equal(lands ? "+" : "++", await TextAsync(rig, map, "b").ConfigureAwait(false), "what the next change has left");
        }
    });

    /// <summary>Three pages of numbers, all of them changed while two others change some.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ChangingAllEntriesMeetsEachOneOnceAndOverwritesNobody(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        const int entries = 130;
        foreach (int[] some in Enumerable.Range(0, entries).Chunk(50))
        {
            await rig.Behind.CommitAsync(new(writes: [.. some.Select(i => Write.Put($"map/n/{i:D20}", Bytes($"{1L << 53}")))])).ConfigureAwait(false);
        }

        var clients = new[] { rig.Client(), rig.Client(), rig.Client() };
        var losses = new LostChanges(rig, clients, sessionsEnd: false);
        long[] added = new long[entries];
        var random = new Random(harness.Seed);
        var all = Sums(clients[0]).UpdateAllAsync(entry => entry.Key % 13 == 12 ? entry.Value : entry.Value + 1_000_000).AsTask();
        var some1 = AddAsync(clients[1], random.Next(10));
        var some2 = AddAsync(clients[2], random.Next(10));
        long changed = await rig.EventuallyAsync(all, "all entries are changed").ConfigureAwait(false);
        await rig.EventuallyAsync(Task.WhenAll(some1, some2), "some entries are changed").ConfigureAwait(false);
        await losses.EndAsync().ConfigureAwait(false);
        Check.Equal(entries - (entries / 13), (int)changed, "how many entries are told to have changed");
        var found = await ListAsync(rig, Sums(clients[0])).ConfigureAwait(false);
        Check.Equal(
            string.Join(' ', Enumerable.Range(0, entries).Select(i => added[i] + (i % 13 == 12 ? 0 : 1_000_000))),
            string.Join(' ', found.Select(e => e.Value - (1L << 53))), "what was added to each");

        async Task AddAsync(RigClient client, int first)
        {
            for (int i = first; i < entries; i += 7)
            {
                int key = i;
                await Sums(client).UpdateAsync(key, sum => sum + 1).ConfigureAwait(false);
                Interlocked.Increment(ref added[key]);
            }
        }
    });

    /// <summary>Get, set, set at a revision, delete and update on a few keys, checked key by key; some answers are lost.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task OneOrderOfAllCallsOnEachKeyOfAMapExplainsTheirAnswers(StoreHarness harness) =>
        ClaimRig.RunAsync(harness, rig => new MapTraffic(rig, sessionsEnd: false).RunAsync());

    /// <summary>The same while sessions end, so that some outcomes stay unknown.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhereSessionsEndAnUnknownChangeOfAMapHappensOnceOrNotAtAll(StoreHarness harness) =>
        ClaimRig.RunAsync(harness, rig => new MapTraffic(rig, sessionsEnd: true).RunAsync());
}
