using Conclave.Ownership;
using Conclave.Storage;

namespace Conclave.Testing;

public static partial class OwnershipConformance
{
    private const string NothingStays = "Ownership: nothing stays in the store of what has ended, whether it was given up, cancelled, or its answer was lost.";

    /// <summary>In front, in the middle, behind.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AWaitThatIsCancelledLeavesNothing(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var clients = Enumerable.Range(0, 4).Select(_ => rig.Client()).ToArray();
        var held = await OwnAsync(rig, Calm(clients[0])).ConfigureAwait(false);
        using var cancelFirst = new CancellationTokenSource();
        using var cancelLast = new CancellationTokenSource();
        var first = await LineUpAsync(rig, Calm(clients[1]), 1, cancelFirst.Token).ConfigureAwait(false);
        var middle = await LineUpAsync(rig, Calm(clients[2]), 2).ConfigureAwait(false);
        var last = await LineUpAsync(rig, Calm(clients[3]), 3, cancelLast.Token).ConfigureAwait(false);
        await CancelledAsync(rig, cancelLast, last.Own).ConfigureAwait(false);
        await LineIsAsync(rig, 2).ConfigureAwait(false);
        await CancelledAsync(rig, cancelFirst, first.Own).ConfigureAwait(false);
        await LineIsAsync(rig, 1).ConfigureAwait(false);

        // the owner may not know that the first one has left
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        held = await SoonAsync(rig, middle.Own).ConfigureAwait(false);
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        await NothingIsLeftAsync(rig, "of waits that were cancelled").ConfigureAwait(false);
    });

    /// <summary>The request is at the store when its caller has gone; whatever it does there is undone.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AWaitThatIsCancelledOnItsWayLeavesNothing(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (owner, client) = (rig.Client(), rig.Client());
        foreach (bool isFree in (bool[])[true, false])
        {
            var held = isFree ? null : await OwnAsync(rig, Calm(owner)).ConfigureAwait(false);
            var (arrived, goOn) = (rig.NewHold(), rig.NewHold());
            client.Store.OnCommit = async (transaction, next) =>
            {
                if (IsPut(transaction) && (isFree || transaction.Writes.Any(w => w.Key.StartsWith(Line, StringComparison.Ordinal))))
                {
                    arrived.TrySetResult();
                    await goOn.Task.ConfigureAwait(false);
                }

                return await next().ConfigureAwait(false);
            };
            using var cancel = new CancellationTokenSource();
            var own = Calm(client).OwnAsync("x", "gone", cancel.Token).AsTask();
            await rig.EventuallyAsync(arrived.Task, "a request is on its way").ConfigureAwait(false);
            await CancelledAsync(rig, cancel, own).ConfigureAwait(false);
            goOn.SetResult();
            await LineIsAsync(rig, 0).ConfigureAwait(false);
            if (held is not null)
            {
                await GiveUpAsync(rig, held).ConfigureAwait(false);
            }

            await NothingIsLeftAsync(rig, "of a request whose caller had gone").ConfigureAwait(false);
            client.Store.Reset();

            // and the local turn is free again
            await GiveUpAsync(rig, await OwnAsync(rig, Calm(client)).ConfigureAwait(false)).ConfigureAwait(false);
        }
    });

    /// <summary>Applied or not, once or three times: of the put that owns, of a place in line, of a refresh, of a release.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AnswersThatAreLostChangeNothing(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (client, other) = (rig.Client(), rig.Client());
        foreach (var (applied, times) in ((bool, int)[])[(true, 1), (false, 1), (true, 3), (false, 3)])
        {
            client.LoseAnswers(IsPut, applied, times);
            var held = await OwnAsync(rig, Calm(client)).ConfigureAwait(false);
            Check.That(!held.Lost.IsCancellationRequested, "an own record is recognized after its answer was lost");
            client.Store.Reset();

            other.LoseAnswers(IsPut, applied, times);
            var waits = await LineUpAsync(rig, Calm(other), 1).ConfigureAwait(false);
            client.LoseAnswers(IsWithdrawal, applied, times);
            await GiveUpAsync(rig, held).ConfigureAwait(false);
            client.Store.Reset();
            held = await EventuallyAsync(rig, waits.Own).ConfigureAwait(false);
            other.Store.Reset();

            other.LoseAnswers(IsWithdrawal, applied, times);
            await GiveUpAsync(rig, held).ConfigureAwait(false);
            await NothingIsLeftAsync(rig, $"after answers were lost {times} times, {(applied ? "applied" : "not applied")}").ConfigureAwait(false);
            other.Store.Reset();
        }

        var refreshed = await OwnAsync(rig, Lively(rig, client)).ConfigureAwait(false);
        client.LoseAnswers(IsRefresh, applied: true, 2);
        var before = await RecordAsync(rig).ConfigureAwait(false);
        await rig.UntilAsync(async () => (await RecordAsync(rig).ConfigureAwait(false))?.Revision > before!.Revision + 1 || refreshed.Lost.IsCancellationRequested, "an owner goes on to refresh").ConfigureAwait(false);
        Check.That(!rig.StandsStill || !refreshed.Lost.IsCancellationRequested, "a refresh whose answer was lost is recognized");
        await GiveUpAsync(rig, refreshed).ConfigureAwait(false);
        await NothingIsLeftAsync(rig, "after the answer of a refresh was lost").ConfigureAwait(false);
    });

    /// <summary>What was given up for lost comes to the store when everything is over.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhatLandsLateIsTakenAway(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        Transaction? late = null;
        client.Store.OnCommit = (transaction, next) => IsPut(transaction) && Interlocked.CompareExchange(ref late, transaction, null) is null
            ? throw new OutcomeUnknownException("the request is still on its way")
            : next();
        await GiveUpAsync(rig, await OwnAsync(rig, Calm(client)).ConfigureAwait(false)).ConfigureAwait(false);
        await NothingIsLeftAsync(rig, "of an owner that gave up").ConfigureAwait(false);
        Check.That((await rig.Behind.CommitAsync(late!).ConfigureAwait(false)).Accepted, "the request lands late");
        await NothingIsLeftAsync(rig, "of a request that landed late").ConfigureAwait(false);
    });

    /// <summary>What is held is handed over at once, and who waits is told.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task DisposingTheClientGivesEverythingUp(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (owner, other) = (rig.Client(), rig.Client());
        var held = await OwnAsync(rig, Lively(rig, owner)).ConfigureAwait(false);
        var local = Lively(rig, owner).OwnAsync("x", "local").AsTask();
        var waits = await LineUpAsync(rig, Lively(rig, other), 1).ConfigureAwait(false);
        var inLine = await rig.EventuallyAsync(Lively(rig, other).OwnAsync("y", "other").AsTask(), "another key is owned").ConfigureAwait(false);
        var remote = Lively(rig, owner).OwnAsync("y", "remote").AsTask();
        await rig.UntilAsync(async () => (await rig.EntriesAsync("owner/p/y/wait/").ConfigureAwait(false)).Length == 1, "somebody waits for another key").ConfigureAwait(false);
        await rig.EventuallyAsync(owner.Client.DisposeAsync().AsTask(), "a client is disposed").ConfigureAwait(false);
        foreach (var waiter in (Task<Ownership.Ownership>[])[local, remote])
        {
            _ = await Check.ThrowsAsync<ObjectDisposedException>(() => rig.EventuallyAsync(waiter, "a wait ends with its client"), "a wait whose client is disposed").ConfigureAwait(false);
        }

        _ = await Check.ThrowsAsync<ObjectDisposedException>(() => Lively(rig, owner).OwnAsync("z", "late").AsTask(), "owning by a client that is disposed").ConfigureAwait(false);
        await rig.UntilAsync(() => held.Lost.IsCancellationRequested, "who owned is told").ConfigureAwait(false);
        await GiveUpAsync(rig, await EventuallyAsync(rig, waits.Own).ConfigureAwait(false)).ConfigureAwait(false);
        await GiveUpAsync(rig, inLine).ConfigureAwait(false);
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        await rig.Harness.CalmAsync().ConfigureAwait(false);
        foreach (string key in rig.IsPlain ? [] : (string[])["x", "x", "y", "y"])
        {
            // what landed when its client was gone is overtaken by who owns next: a place in line is handed the key first, and then does nothing
            await GiveUpAsync(rig, await EventuallyAsync(rig, Lively(rig, other).OwnAsync(key, "next").AsTask()).ConfigureAwait(false)).ConfigureAwait(false);
        }

        await NothingIsLeftAsync(rig, "of a client that was disposed").ConfigureAwait(false);
    });

    /// <summary>Names and intervals.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhatCannotBeIsRefused(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client().Client;
        var (tooShort, tooLong) = (TimeSpan.FromMilliseconds(9), TimeSpan.FromMinutes(11));
        foreach (var options in (OwnerOptions[])[
            new() { RefreshInterval = tooShort }, new() { RefreshInterval = tooLong }, new() { AcquireInterval = tooShort }, new() { AcquireInterval = tooLong }, new() { AcquireInterval = TimeSpan.Zero }])
        {
            var error = await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => Task.FromResult(client.Owner(Prefix, options)), "an interval out of its range").ConfigureAwait(false);
            Check.That(error.Message.Contains("10 ms to 10 minutes", StringComparison.Ordinal), $"the error says what is allowed: {error.Message}");
        }

        foreach (string bad in (string[])["", "a\u0001", "\ud800", new('x', 257)])
        {
            _ = await Check.ThrowsAsync<ArgumentException>(() => Task.FromResult(client.Owner(bad)), "a prefix that cannot be").ConfigureAwait(false);
            _ = await Check.ThrowsAsync<ArgumentException>(() => client.Owner(Prefix).OwnAsync(bad, "me").AsTask(), "a key that cannot be").ConfigureAwait(false);
            _ = await Check.ThrowsAsync<ArgumentException>(() => client.Owner(Prefix).OwnAsync("x", bad).AsTask(), "an owner that cannot be").ConfigureAwait(false);
        }

        string slashes = new('/', 256);
        _ = await Check.ThrowsAsync<ArgumentException>(() => client.Owner(slashes).OwnAsync(slashes, "me").AsTask(), "a prefix and a key that are too long together").ConfigureAwait(false);
        _ = await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => client.Owner(Prefix).TryOwnAsync("x", "me", TimeSpan.FromSeconds(-2)).AsTask(), "a negative timeout").ConfigureAwait(false);
        var held = await rig.EventuallyAsync(client.Owner(slashes).OwnAsync(new('k', 200), "me").AsTask(), "a long prefix and a long key").ConfigureAwait(false);
        await GiveUpAsync(rig, held).ConfigureAwait(false);
    });
}
