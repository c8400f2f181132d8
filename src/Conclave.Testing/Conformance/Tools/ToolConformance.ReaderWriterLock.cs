using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ToolConformance
{
    private const string ManyOrOne = "Reader-writer lock: many readers or one writer; a reader's token is larger than that of every earlier writer, a writer's larger than all.";
    private const string OneForAll = "Reader-writer lock: the readers of one process share one contender, and are lost with it.";
    private const string NobodyStarves = "Reader-writer lock: first come first served; no reader overtakes a writer that waits, in the store or in its own process.";
    private const string Readers = "rwlock/x/";

    /// <summary>Three clients, nine workers, one of four to write.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ReadersReadTogetherAndAWriterIsAlone(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        const int all = 1000;
        var clients = new[] { rig.Client(), rig.Client(), rig.Client() };
        var holders = new Holders("x", all, fences: true);
        await RunTrafficAsync(
            rig, 9, rig.IsPlain ? 30 : 12,
            async (worker, random) =>
            {
                var rw = ReaderWriter(clients[worker % clients.Length]);
                int weight = random.Next(4) == 0 ? all : 1;
                holders.OnAsk(weight);
                var claim = weight == all ? await rw.AcquireWriteAsync().ConfigureAwait(false) : await rw.AcquireReadAsync().ConfigureAwait(false);
                await using (claim.ConfigureAwait(false))
                {
                    holders.OnGrant(claim, weight);
                    await PauseAsync(random).ConfigureAwait(false);
                }
            },
            () => holders.IsContended && holders.Most >= 3,
            () => holders.Strength).ConfigureAwait(false);
    });

    /// <summary>Neither by a try nor by a short wait.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AReaderWhoseStoreDoesNotAnswerIsNotToldThatTheLockIsTaken(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.HastyClient();
        client.Store.OnCommit = (_, _) => throw new StoreUnavailableException("away");
        foreach (var timeout in (TimeSpan[])[TimeSpan.Zero, TimeSpan.FromMilliseconds(100)])
        {
            _ = await Check.ThrowsAsync<StoreUnavailableException>(
                () => rig.EventuallyAsync(ReaderWriter(client).TryAcquireReadAsync(timeout).AsTask(), "a try whose store is away ends"), $"a try to read within {timeout}").ConfigureAwait(false);
        }

        client.Store.Reset();
        _ = await TakeAsync(rig, ReaderWriter(client).AcquireReadAsync()).ConfigureAwait(false);
    });

    /// <summary>Twenty readers, one entry.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ReadersOfOneProcessShareOneContender(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var readers = await rig.SoonAsync(Task.WhenAll(Enumerable.Range(0, 20).Select(_ => TakeAsync(rig, ReaderWriter(one).AcquireReadAsync()))), "all read").ConfigureAwait(false);
        CheckShared(rig, 1, (await rig.EntriesAsync(Readers).ConfigureAwait(false)).Length, "contenders of twenty readers of one process");
        Check.That(readers.All(r => r.IsHeld && (!rig.IsPlain || r.Token == readers[0].Token)), "readers that share a contender hold it with its token");
        _ = await TakeAsync(rig, ReaderWriter(two).AcquireReadAsync()).ConfigureAwait(false);
        CheckShared(rig, 2, (await rig.EntriesAsync(Readers).ConfigureAwait(false)).Length, "contenders of the readers of two processes");
        foreach (var reader in readers.Skip(1))
        {
            await ReleaseAsync(rig, reader).ConfigureAwait(false);
            Check.Equal((false, ClaimState.Released), (reader.IsHeld, reader.State), "a reader that was released, while others read on");
        }

        CheckShared(rig, 2, (await rig.EntriesAsync(Readers).ConfigureAwait(false)).Length, "contenders while one reader of each process is left");
        Check.That(readers[0].IsHeld, "the last reader holds");
        await readers[5].DisposeAsync().ConfigureAwait(false);
        await readers[5].DisposeAsync().ConfigureAwait(false);
        Check.That(readers[0].IsHeld, "a reader that is disposed again takes nothing from the last one");
        await ReleaseAsync(rig, readers[0]).ConfigureAwait(false);
        await rig.ContendersAsync(1, Readers).ConfigureAwait(false);
    });

    /// <summary>A writer of another process, and one of the same.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AReaderThatComesAfterAWaitingWriterWaitsBehindIt(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two, three) = (rig.Client(), rig.Client(), rig.Client());
        foreach (var other in (RigClient[])[two, one])
        {
            var first = await TakeAsync(rig, ReaderWriter(one).AcquireReadAsync()).ConfigureAwait(false);
            var writer = ReaderWriter(other).AcquireWriteAsync().AsTask();
            await rig.ContendersAsync(other == one ? 1 : 2, Readers).ConfigureAwait(false);
            await FailsAsync(rig, ReaderWriter(one).TryAcquireReadAsync(), "a try to read while a writer waits").ConfigureAwait(false);
            var reader = ReaderWriter(one).AcquireReadAsync().AsTask();
            if (other != one)
            {
                await rig.ContendersAsync(3, Readers).ConfigureAwait(false);
                await FailsAsync(rig, ReaderWriter(three).TryAcquireReadAsync(), "a try to read of a third process while a writer waits").ConfigureAwait(false);
            }

            Check.That(first.IsHeld && !writer.IsCompleted && !reader.IsCompleted, "the first one reads, and both others wait");
            await ReleaseAsync(rig, first).ConfigureAwait(false);
            var writes = await TakeAsync(rig, writer).ConfigureAwait(false);
            Check.That(!reader.IsCompleted, "a reader that came after the writer waits for it");
            await ReleaseAsync(rig, writes).ConfigureAwait(false);
            var reads = await TakeAsync(rig, reader).ConfigureAwait(false);
            Check.That(first.Token < writes.Token && writes.Token < reads.Token, $"tokens rise from {first.Token} over {writes.Token} to {reads.Token}");
            await ReleaseAsync(rig, reads).ConfigureAwait(false);
            await rig.ContendersBecomeAsync(0, Readers).ConfigureAwait(false);
        }
    });

    /// <summary>It waits for nobody but the writers ahead.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AReaderFarBehindIsGrantedWhenTheNearestWriterAheadLeaves(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var clients = Enumerable.Range(0, 5).Select(_ => rig.Client()).ToArray();
        var writes = await TakeAsync(rig, ReaderWriter(clients[0]).AcquireWriteAsync()).ConfigureAwait(false);
        var readers = new List<Task<Claim>>();
        foreach (var client in clients.Skip(1))
        {
            readers.Add(ReaderWriter(client).AcquireReadAsync().AsTask());
            await rig.ContendersAsync(readers.Count + 1, Readers).ConfigureAwait(false);
        }

        Check.That(readers.All(r => !r.IsCompleted), "nobody reads while somebody writes");
        await ReleaseAsync(rig, writes).ConfigureAwait(false);
        foreach (var reader in readers)
        {
            Check.That((await TakeAsync(rig, reader).ConfigureAwait(false)).Token > writes.Token, "a reader's token is larger than the writer's before it");
        }
    });

    /// <summary>Who gave up holds up nobody.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AWriterThatGivesUpLetsReadersOn(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two, three) = (rig.Client(), rig.Client(), rig.Client());
        var first = await TakeAsync(rig, ReaderWriter(one).AcquireReadAsync()).ConfigureAwait(false);
        using var cancel = new CancellationTokenSource();
        var writer = ReaderWriter(two).AcquireWriteAsync(cancel.Token).AsTask();
        await rig.ContendersAsync(2, Readers).ConfigureAwait(false);
        var reader = ReaderWriter(three).AcquireReadAsync().AsTask();
        await rig.ContendersAsync(3, Readers).ConfigureAwait(false);
        Check.That(!reader.IsCompleted, "a reader waits behind a writer");
        await CancelledAsync(rig, cancel, writer).ConfigureAwait(false);
        _ = await TakeAsync(rig, reader).ConfigureAwait(false);
        Check.That(first.IsHeld, "who reads is not disturbed by a writer that gave up");

        // also in one process
        using var again = new CancellationTokenSource();
        writer = ReaderWriter(one).AcquireWriteAsync(again.Token).AsTask();
        var behind = ReaderWriter(one).AcquireReadAsync().AsTask();
        Check.That(!behind.IsCompleted, "a reader waits behind a writer of its own process");
        await CancelledAsync(rig, again, writer).ConfigureAwait(false);
        _ = await TakeAsync(rig, behind).ConfigureAwait(false);
        await FailsAsync(rig, ReaderWriter(two).TryAcquireWriteAsync(), "a try to write while others read").ConfigureAwait(false);
        await FailsAsync(rig, ReaderWriter(two).TryAcquireWriteAsync(TimeSpan.FromMilliseconds(200)), "a try to write, with a timeout, while others read").ConfigureAwait(false);
        _ = await TakeAsync(rig, ReaderWriter(three).AcquireReadAsync()).ConfigureAwait(false);
    });

    /// <summary>Not earlier, and without a timer.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task TheLastReaderThatLeavesLetsTheWriterInByAHint(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two, three) = (rig.Client(), rig.Client(), rig.Client());
        for (int round = 0; round < 3; round++)
        {
            var readers = new List<Claim>();
            for (int i = 0; i < 6; i++)
            {
                readers.Add(await TakeAsync(rig, ReaderWriter(i % 3 == 0 ? two : one).AcquireReadAsync()).ConfigureAwait(false));
            }

            var writer = ReaderWriter(three).AcquireWriteAsync().AsTask();
            await WriterStandsAsync(rig).ConfigureAwait(false);
            foreach (int i in (int[])[3, 1, 5, 0, 2])
            {
                await ReleaseAsync(rig, readers[i]).ConfigureAwait(false);
                Check.That(!writer.IsCompleted, "nobody writes while somebody reads");
            }

            await ReleaseAsync(rig, readers[4]).ConfigureAwait(false);
            var writes = await TakeAsync(rig, writer).ConfigureAwait(false);
            Check.That(readers.All(r => r.Token < writes.Token), "a writer's token is larger than that of everybody before it");
            await ReleaseAsync(rig, writes).ConfigureAwait(false);
        }
    });

    /// <summary>One session, all readers.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task TheEndOfASessionLosesAllReadersOfAProcess(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var readers = new List<Claim>();
        int signals = 0;
        for (int i = 0; i < 4; i++)
        {
            readers.Add(await TakeAsync(rig, ReaderWriter(one).AcquireReadAsync()).ConfigureAwait(false));
            _ = readers[i].Lost.Register(() => Interlocked.Increment(ref signals));
        }

        var writer = ReaderWriter(two).AcquireWriteAsync().AsTask();
        await WriterStandsAsync(rig).ConfigureAwait(false);
        await rig.KillAsync(readers[0], "rwlock").ConfigureAwait(false);
        var writes = await TakeAsync(rig, writer).ConfigureAwait(false);
        await rig.UntilAsync(() => Volatile.Read(ref signals) == 4, "every reader is told the loss").ConfigureAwait(false);
        Check.That(readers.All(r => r.State == ClaimState.Lost && !r.IsHeld), "all readers of a session that ended are lost");
        var next = ReaderWriter(one).AcquireReadAsync().AsTask();
        await rig.ContendersBecomeAsync(2, Readers).ConfigureAwait(false);
        await ReleaseAsync(rig, writes).ConfigureAwait(false);
        var reads = await TakeAsync(rig, next).ConfigureAwait(false);
        foreach (var reader in readers)
        {
            Check.That(!await rig.EventuallyAsync(reader.ReleaseAsync().AsTask(), "a lost reader is released").ConfigureAwait(false), "a release of what was lost says that it was no longer ours");
        }

        Check.That(reads.IsHeld && reads.Token > writes.Token, "releasing lost readers does not touch the later one");
        await rig.ContendersBecomeAsync(1, Readers).ConfigureAwait(false);
    });

    /// <summary>They share a contender, and nothing else.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task CancellingOneReaderLeavesTheOthersOfItsProcess(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var writes = await TakeAsync(rig, ReaderWriter(two).AcquireWriteAsync()).ConfigureAwait(false);
        using var cancel = new CancellationTokenSource();
        var gone = ReaderWriter(one).AcquireReadAsync(cancel.Token).AsTask();
        await rig.ContendersAsync(2, Readers).ConfigureAwait(false);
        await CancelledAsync(rig, cancel, gone).ConfigureAwait(false);
        await rig.ContendersBecomeAsync(1, Readers).ConfigureAwait(false);

        using var again = new CancellationTokenSource();
        var first = ReaderWriter(one).AcquireReadAsync().AsTask();
        await rig.ContendersAsync(2, Readers).ConfigureAwait(false);
        gone = ReaderWriter(one).AcquireReadAsync(again.Token).AsTask();
        var last = ReaderWriter(one).AcquireReadAsync().AsTask();
        await CancelledAsync(rig, again, gone).ConfigureAwait(false);
        await FailsAsync(rig, ReaderWriter(one).TryAcquireReadAsync(TimeSpan.FromMilliseconds(200)), "a try to read while somebody writes").ConfigureAwait(false);
        _ = await Check.ThrowsAsync<TimeoutException>(
            () => rig.EventuallyAsync(ReaderWriter(one).AcquireReadAsync(TimeSpan.FromMilliseconds(200)).AsTask(), "a read with a timeout ends"), "a read whose time is over").ConfigureAwait(false);
        await (rig.IsPlain ? rig.ContendersBecomeAsync(2, Readers) : Task.CompletedTask).ConfigureAwait(false);
        Check.That(!first.IsCompleted && !last.IsCompleted, "nobody reads because another one gave up");
        await ReleaseAsync(rig, writes).ConfigureAwait(false);
        _ = await TakeAsync(rig, first).ConfigureAwait(false);
        _ = await TakeAsync(rig, last).ConfigureAwait(false);
    });

    /// <summary>Applied or not.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ReadersWhoseAnswersAreLostStillShareOneContender(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        foreach (var (applied, times) in ((bool, int)[])[(true, 1), (false, 2)])
        {
            var client = rig.Client();
            client.LoseAnswers(InterceptedStore.IsJoin, applied, times);
            var all = Task.WhenAll(Enumerable.Range(0, 5).Select(_ => ReaderWriter(client).AcquireReadAsync().AsTask()));
            var readers = await rig.EventuallyAsync(all, "all read").ConfigureAwait(false);
            await (rig.IsPlain ? rig.ContendersBecomeAsync(1, Readers) : Task.CompletedTask).ConfigureAwait(false);
            client.LoseAnswers(InterceptedStore.IsLeave, applied, times);
            foreach (var reader in readers)
            {
                Check.That(await rig.EventuallyAsync(reader.ReleaseAsync().AsTask(), "a reader is released").ConfigureAwait(false), "a reader whose answer was lost was ours");
            }

            await rig.ContendersBecomeAsync(0, Readers).ConfigureAwait(false);
        }
    });

    /// <summary>Timeouts below zero, a claim that was released, and everybody who is to be seen.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AReaderWriterLockTellsWhoReadsAndWhoWaits(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var reader = await TakeAsync(rig, ReaderWriter(one).AcquireReadAsync()).ConfigureAwait(false);
        _ = await TakeAsync(rig, ReaderWriter(two).AcquireReadAsync()).ConfigureAwait(false);
        using var cancel = new CancellationTokenSource();
        var writer = ReaderWriter(two).AcquireWriteAsync(cancel.Token).AsTask();
        var looking = new ConclaveClient(rig.Behind, new() { LeaveStoreOpen = true, TimeProvider = one.Clock });
        var snapshot = await looking.ReaderWriterLock("x").InspectAsync().ConfigureAwait(false);
        await looking.DisposeAsync().ConfigureAwait(false);
        Check.Equal((2, 0), (snapshot.Holders.Length, snapshot.Waiters.Length), "readers in the store, and writers, while one waits in its process");
        await CancelledAsync(rig, cancel, writer).ConfigureAwait(false);
        _ = await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => ReaderWriter(one).TryAcquireReadAsync(TimeSpan.FromSeconds(-2)).AsTask(), "a negative timeout of a reader").ConfigureAwait(false);
        _ = await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => ReaderWriter(one).TryAcquireWriteAsync(TimeSpan.FromSeconds(-2)).AsTask(), "a negative timeout of a writer").ConfigureAwait(false);
        await ReleaseAsync(rig, reader).ConfigureAwait(false);
        await RefusedAsync<ClaimLostException>(reader.ThrowIfLost, "looking at a reader that was released").ConfigureAwait(false);
        Check.That(!reader.Lost.IsCancellationRequested, "a release is no loss");
    });

    // a reader that cannot look whether a writer stands behind the others joins by itself
    private static void CheckShared(ClaimRig rig, int expected, int actual, string what) => Check.That(
        actual == expected || (!rig.IsPlain && actual > expected), $"{what}: expected {expected}, got {actual}");

    private static Task WriterStandsAsync(ClaimRig rig) => rig.SoonUntilAsync(
        async () => (await rig.EntriesAsync(Readers).ConfigureAwait(false)).Any(e => Text(e.Value).StartsWith("exclusive ", StringComparison.Ordinal)), "a writer stands in the queue");

    private static DistributedReaderWriterLock ReaderWriter(RigClient client) => client.Client.ReaderWriterLock("x");
}
