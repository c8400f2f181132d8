using Conclave.Ownership;
using Conclave.Storage;

namespace Conclave.Testing;

public static partial class OwnershipConformance
{
    private const string Losses = "Ownership: who lost a key is told; trouble with the store is not a loss before the deadline; nothing of anybody else is removed.";

    /// <summary>By an original client, for example, whose clock runs ahead.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhoseRecordIsTakenIsTold(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var other = await rig.EventuallyAsync(Lively(rig, rig.Client()).OwnAsync("other", "thief").AsTask(), "another key is owned").ConfigureAwait(false);
        byte[] foreign = (await rig.EntriesAsync("owner/p/other/record").ConfigureAwait(false)).Single().Value.ToArray();
        await GiveUpAsync(rig, other).ConfigureAwait(false);
        var held = await OwnAsync(rig, Lively(rig, client)).ConfigureAwait(false);
        var told = NewTold(rig, held);
        await rig.Behind.PutAsync(Record, foreign).ConfigureAwait(false);
        await rig.EventuallyAsync(told, "who has lost is told").ConfigureAwait(false);
        Check.That(held.Lost.IsCancellationRequested, "the loss is a token");
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        Check.That((await RecordAsync(rig).ConfigureAwait(false))!.Value.Span.SequenceEqual(foreign), "whoever has lost removes nothing of who has it");

        // and a record that stands still is taken, whoever left it
        held = await OwnAsync(rig, client.Client.Owner(Prefix, Quick(rig)), "again").ConfigureAwait(false);
        told = NewTold(rig, held);
        await rig.Behind.DeleteAsync(Record).ConfigureAwait(false);
        await rig.EventuallyAsync(told, "whose record was deleted is told").ConfigureAwait(false);
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        await NothingIsLeftAsync(rig, "of an owner that has lost").ConfigureAwait(false);
    });

    /// <summary>A short outage costs nothing.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task RefreshesAreRepeatedUntilTheDeadlineAndThenTheLossIsTold(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var held = await OwnAsync(rig, Lively(rig, client)).ConfigureAwait(false);
        for (int i = 0; i < 3; i++)
        {
            int failures = 0;
            client.Store.OnCommit = (transaction, next) => IsRefresh(transaction) && Interlocked.Increment(ref failures) <= 2 ? throw new StoreUnavailableException("for a moment") : next();
            await rig.UntilAsync(() => failures > 2 || held.Lost.IsCancellationRequested, "a refresh is repeated").ConfigureAwait(false);
        }

        client.Store.Reset();
        Check.That(!rig.StandsStill || !held.Lost.IsCancellationRequested, "a refresh that failed twice is no loss");

        // also when the store does not even answer
        var silence = rig.NewHold();
        client.Store.OnCommit = async (_, next) =>
        {
            await silence.Task.ConfigureAwait(false);
            return await next().ConfigureAwait(false);
        };
        var told = NewTold(rig, held);
        long cut = rig.Clock.GetTimestamp();
        await rig.EventuallyAsync(told, "who could not refresh in time is told").ConfigureAwait(false);
        var took = rig.Clock.GetElapsedTime(cut);
        Check.That(!rig.StandsStill || took <= Interval(rig) * 1.1, $"who cannot refresh is told when its interval of {Interval(rig)} is over, not after {took}");
        silence.SetResult();
        client.Store.Reset();
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        await NothingIsLeftAsync(rig, "of an owner that could not refresh").ConfigureAwait(false);
    });

    /// <summary>Otherwise it would own again what was given up.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ARefreshThatIsUnderWayEndsBeforeTheRelease(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var held = await OwnAsync(rig, Lively(rig, client)).ConfigureAwait(false);
        var (answer, refreshing) = (rig.NewHold(), rig.NewHold());
        bool isRefreshing = false;
        string? early = null;
        client.Store.OnCommit = async (transaction, next) =>
        {
            if (IsRefresh(transaction) && !isRefreshing)
            {
                isRefreshing = true;
                refreshing.TrySetResult();
                await answer.Task.ConfigureAwait(false);
                var result = await next().ConfigureAwait(false);
                isRefreshing = false;
                return result;
            }

            early = IsWithdrawal(transaction) && isRefreshing ? "a release was sent before the refresh had ended" : early;
            return await next().ConfigureAwait(false);
        };
        await rig.EventuallyAsync(refreshing.Task, "a refresh is under way").ConfigureAwait(false);
        var disposal = held.DisposeAsync().AsTask();
        for (int i = 0; i < 20 && early is null; i++)
        {
            // one that does not wait for the refresh would come now
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System).ConfigureAwait(false);
        }

        answer.SetResult();
        await rig.EventuallyAsync(disposal, "an owner gives up").ConfigureAwait(false);
        Check.That(!rig.StandsStill || early is null, early ?? "");
        await NothingIsLeftAsync(rig, "after a release during a refresh").ConfigureAwait(false);
    });

    /// <summary>It ends, does not throw, and is made up for.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task DisposingSurvivesAnOutage(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var held = await OwnAsync(rig, Lively(rig, client)).ConfigureAwait(false);
        Crash(client);
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        await rig.EventuallyAsync(held.DisposeAsync().AsTask(), "a second disposal").ConfigureAwait(false);
        Check.That(await RecordAsync(rig).ConfigureAwait(false) is not null, "the record is there while the store cannot be reached");
        client.Store.Reset();
        await NothingIsLeftAsync(rig, "once the store answers again").ConfigureAwait(false);
        await GiveUpAsync(rig, await OwnAsync(rig, Lively(rig, client)).ConfigureAwait(false)).ConfigureAwait(false);
    });

    /// <summary>
    /// With its timeout where it stands in line, with the operation timeout where it does not. What is left then is taken away when the store is
    /// back, although nobody waits for that any more.
    /// </summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AWaitWhoseStoreIsAwayEndsInTime(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        // short, but long enough for what lands late through chaos, where time flows quickly
        var timeout = Interval(rig) * 4;
        var (first, second) = (rig.Client(), rig.Client(o => o with { OperationTimeout = timeout }));
        Crash(second);
        long begun = rig.Clock.GetTimestamp();
        _ = await Check.ThrowsAsync<StoreUnavailableException>(
            () => rig.EventuallyAsync(Lively(rig, second).OwnAsync("x", "other").AsTask(), "a wait whose store is away ends"), "a wait that cannot even stand in line").ConfigureAwait(false);
        var took = rig.Clock.GetElapsedTime(begun);
        Check.That(!rig.StandsStill || took <= timeout * 1.5, $"a wait that cannot even stand in line ends after {timeout}, not after {took}");
        second.Store.Reset();

        var held = await OwnAsync(rig, Calm(first)).ConfigureAwait(false);
        var inLine = rig.NewHold();
        second.Store.OnWait = (_, next) =>
        {
            inLine.TrySetResult();
            return next();
        };
        var wait = Lively(rig, second).TryOwnAsync("x", "other", Interval(rig) * 3).AsTask();
        await rig.EventuallyAsync(inLine.Task, "a waiter knows that it stands in line").ConfigureAwait(false);
        Crash(second);
        Check.That(await rig.EventuallyAsync(wait, "a wait whose store is away ends").ConfigureAwait(false) is null, "a wait whose store is away ends with its timeout");
        await LineIsAsync(rig, 1).ConfigureAwait(false);
        second.Store.Reset();
        await LineIsAsync(rig, 0).ConfigureAwait(false);
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        await GiveUpAsync(rig, await OwnAsync(rig, Lively(rig, second)).ConfigureAwait(false)).ConfigureAwait(false);
        await NothingIsLeftAsync(rig, "of a wait that ended while the store was away").ConfigureAwait(false);
    });

    /// <summary>It may be somebody's.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhatIsNoRecordIsAnErrorAndIsKept(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        byte[] garbage = [0xff, 0xff, 0xff];
        await rig.Behind.PutAsync(Record, garbage).ConfigureAwait(false);
        var error = await Check.ThrowsAsync<StoreFormatException>(() => OwnAsync(rig, Calm(client)), "owning a key under which something else stands").ConfigureAwait(false);
        Check.That(error.Message.Contains(Record, StringComparison.Ordinal), "the error names the key");
        Check.That((await RecordAsync(rig).ConfigureAwait(false))!.Value.Span.SequenceEqual(garbage), "what is no record is kept");
        await rig.Behind.DeleteAsync(Record).ConfigureAwait(false);
        await GiveUpAsync(rig, await OwnAsync(rig, Calm(client)).ConfigureAwait(false)).ConfigureAwait(false);
    });
}
