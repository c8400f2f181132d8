using System.Collections.Concurrent;
using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ToolConformance
{
    private const string ExactlyOnce = "Counter: a change happens exactly once, also when answers are lost; only when the session ends in that moment it is not known.";
    private const string Durable = "Counter: as durable as the store; who observes is told the last number, across outages.";

    /// <summary>Four clients, eight workers; every number is given to one of them.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AdditionsOfManyAreCountedExactlyOnce(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        const int workers = 8;
        int rounds = rig.IsPlain ? 15 : 8;
        var clients = Enumerable.Range(0, 4).Select(_ => rig.Client()).ToArray();
        var losses = new LostChanges(rig, clients, sessionsEnd: false);
        var sums = new ConcurrentQueue<long>();
        await RunTrafficAsync(
            rig, workers, rounds, async (worker, _) => sums.Enqueue(await Counter(clients[worker % 4]).AddAsync().ConfigureAwait(false)),
            () => losses.Count >= 6, () => $"{losses.Count} answers were lost").ConfigureAwait(false);
        await losses.EndAsync().ConfigureAwait(false);
        Check.That(sums.Order().SequenceEqual(Enumerable.Range(1, sums.Count).Select(i => (long)i)), $"every number from 1 to {sums.Count} is told once, not {string.Join(' ', sums.Order())}");
        Check.Equal(sums.Count, await NumberAsync(rig, clients[0]).ConfigureAwait(false), "the sum of all additions");
    });

    /// <summary>Applied or not, once or often.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AnAdditionWhoseAnswerIsLostCountsOnce(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        long expected = 0;
        foreach (var (applied, times) in ((bool, int)[])[(true, 1), (false, 1), (true, 3), (false, 3)])
        {
            client.LoseAnswers(InterceptedStore.IsJoin, applied, times);
            Check.Equal(expected += 5, await AddAsync(rig, client, 5).ConfigureAwait(false), $"the sum after an answer was lost {times} times, {(applied ? "applied" : "not applied")}");
            client.LoseAnswers(InterceptedStore.IsJoin, applied, times);
            Check.Equal(expected -= 3, await AddAsync(rig, client, -3).ConfigureAwait(false), "the sum after the answer of a subtraction was lost");
            client.Store.Reset();
            Check.Equal(expected, await NumberAsync(rig, client).ConfigureAwait(false), "the number after answers were lost");
            client.LoseAnswers(InterceptedStore.IsJoin, applied, times);
            Check.That(await rig.EventuallyAsync(Counter(client).TrySetAsync(expected + 7, expected).AsTask(), "a set ends").ConfigureAwait(false), "a set whose answer was lost says that it was set");
            client.Store.Reset();
            Check.Equal(expected += 7, await NumberAsync(rig, client).ConfigureAwait(false), "the number after the answer of a set was lost");
        }
    });

    /// <summary>A request that lands when its caller has long taken another way.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AnAdditionThatIsStillOnItsWayCannotLandLater(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        Transaction? late = null;
        client.Store.OnCommit = (transaction, next) =>
            InterceptedStore.IsJoin(transaction) && Interlocked.CompareExchange(ref late, transaction, null) is null
                ? throw new OutcomeUnknownException("the request is still on its way")
                : next();
        Check.Equal(1, await AddAsync(rig, client, 1).ConfigureAwait(false), "the sum after a request was given up");
        Check.That(!(await rig.Behind.CommitAsync(late!).ConfigureAwait(false)).Accepted, "a request that comes late is refused");
        Check.Equal(0, await AddAsync(rig, client, -1).ConfigureAwait(false), "the sum after a subtraction");

        // also when the number is gone, as it was when the request was sent
        await rig.Behind.DeleteAsync("counter/x/value").ConfigureAwait(false);
        Check.That(!(await rig.Behind.CommitAsync(late!).ConfigureAwait(false)).Accepted, "a request that comes late is refused when all is as it was");
        Check.Equal(0, await NumberAsync(rig, client).ConfigureAwait(false), "the number after a request came late");
    });

    /// <summary>Never twice, never half.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhereSessionsEndAnUnknownAdditionCountsOnceOrNotAtAll(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var clients = Enumerable.Range(0, 3).Select(_ => rig.Client(sessionsEnded: 0.3)).ToArray();
        var losses = new LostChanges(rig, clients, sessionsEnd: true);
        var (known, unknown) = (0, 0);
        await RunTrafficAsync(
            rig, 6, rig.IsPlain ? 15 : 8,
            async (worker, _) =>
            {
                try
                {
                    await Counter(clients[worker % 3]).AddAsync().ConfigureAwait(false);
                    Interlocked.Increment(ref known);
                }
                catch (OutcomeUnknownException)
                {
                    Interlocked.Increment(ref unknown);
                }
            },
            () => known > 20 && unknown > 2, () => $"{known} additions are known, {unknown} are not").ConfigureAwait(false);
        await losses.EndAsync().ConfigureAwait(false);
        await harness.CalmAsync().ConfigureAwait(false);
        long sum = await NumberAsync(rig, clients[0]).ConfigureAwait(false);
        Check.That(sum >= known && sum <= known + unknown, $"after {known} additions, and {unknown} of which it is not known, the sum is from {known} to {known + unknown}, not {sum}");
    });

    /// <summary>Of six who set the same, one does.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ANumberIsSetOnlyIfItIsAsExpected(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var clients = new[] { rig.Client(), rig.Client(), rig.Client() };
        Check.That(!await rig.EventuallyAsync(Counter(clients[0]).TrySetAsync(7, expected: 1).AsTask(), "a set ends").ConfigureAwait(false), "a set of what is not as expected says so");
        Check.Equal(0, await NumberAsync(rig, clients[0]).ConfigureAwait(false), "the number after a set that was refused");
        for (int round = 0; round < (rig.IsPlain ? 10 : 5); round++)
        {
            bool[] set = await rig.SoonAsync(
                Task.WhenAll(Enumerable.Range(0, 6).Select(i => Task.Run(() => Counter(clients[i % 3]).TrySetAsync(round + 1, expected: round).AsTask()))), "six sets end").ConfigureAwait(false);
            Check.Equal(1, set.Count(s => s), $"how many of six set {round} to {round + 1}");
        }

        long now = await NumberAsync(rig, clients[1]).ConfigureAwait(false);
        Check.That(await rig.EventuallyAsync(Counter(clients[0]).TrySetAsync(now, now).AsTask(), "a set ends").ConfigureAwait(false), "a set to the present number says that it is set");
        Check.Equal(now, await NumberAsync(rig, clients[1]).ConfigureAwait(false), "the number after a set to what it was");
    });

    /// <summary>At both ends.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ASumThatDoesNotFitChangesNothing(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        long before = 0;
        foreach (var (end, delta) in ((long, long)[])[(long.MaxValue, 1), (long.MinValue, -1), (long.MaxValue, long.MaxValue)])
        {
            Check.That(await rig.EventuallyAsync(Counter(client).TrySetAsync(end, before).AsTask(), "a set ends").ConfigureAwait(false), "the number is set to an end of its range");
            _ = await Check.ThrowsAsync<OverflowException>(() => AddAsync(rig, client, delta), $"the addition of {delta} to {end}").ConfigureAwait(false);
            Check.Equal(end, await NumberAsync(rig, client).ConfigureAwait(false), "the number after a sum that does not fit");
            Check.Equal(before = end - Math.Sign(delta), await AddAsync(rig, client, -Math.Sign(delta)).ConfigureAwait(false), "the next sum");
        }
    });

    /// <summary>
    /// The store has ended it, and the client does not know yet. An engine may refuse the next change for the condition that went with the session, and
    /// never speak of the session itself.
    /// </summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ACounterGoesOnWhenItsSessionHasEnded(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        long sum = await AddAsync(rig, client, 1).ConfigureAwait(false);
        for (int i = 0; i < 3; i++)
        {
            foreach (var session in (await rig.EntriesAsync("session/").ConfigureAwait(false)).Select(e => e.Session).Distinct())
            {
                await rig.Behind.CloseSessionAsync(session!.Value).ConfigureAwait(false);
            }

            try
            {
                long next = await AddAsync(rig, client, 1).ConfigureAwait(false);
                Check.Equal(sum + 1, next, "the sum after the session has ended");
                sum = next;
            }
            catch (OutcomeUnknownException) when (!rig.IsPlain)
            {
                // the answer was lost, and the session with it
                sum = await NumberAsync(rig, client).ConfigureAwait(false);
            }
        }
    });

    /// <summary>One to read, one to write.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AnUncontendedAdditionTakesTwoRoundTrips(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        _ = await AddAsync(rig, client, 1).ConfigureAwait(false);
        int before = client.Store.Commits;
        _ = await AddAsync(rig, client, 1).ConfigureAwait(false);
        rig.CheckCount(2, client.Store.Commits - before, "commits of an uncontended addition");
    });

    /// <summary>Over the end of every client, and of the store where that keeps anything.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ANumberIsThereWhenNobodyIs(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        Check.Equal(0, await NumberAsync(rig, client).ConfigureAwait(false), "a number that nobody has changed");
        Check.Equal(42, await AddAsync(rig, client, 42).ConfigureAwait(false), "the sum");
        Check.Equal(1, await rig.EventuallyAsync(client.Client.Countdown("x", 3).SignalAsync(2).AsTask(), "a signal ends").ConfigureAwait(false), "signals that are left");
        await rig.EventuallyAsync(client.Client.DisposeAsync().AsTask(), "a client is disposed").ConfigureAwait(false);
        if (rig.Behind.Description.Durability != StoreDurability.None)
        {
            await rig.RestartAsync().ConfigureAwait(false);
        }

        client = rig.Client();
        Check.Equal(42, await NumberAsync(rig, client).ConfigureAwait(false), "the number after everybody was gone");
        Check.Equal(43, await AddAsync(rig, client, 1).ConfigureAwait(false), "the sum after everybody was gone");
        Check.Equal(1, await rig.EventuallyAsync(PatientlyAsync(rig, () => client.Client.Countdown("x", 3).GetAsync()), "a countdown is read").ConfigureAwait(false), "signals that are left after everybody was gone");
    });

    /// <summary>Cut off while the number changes.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhoObservesANumberIsToldTheLastOneAcrossAnOutage(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var watcher = Watcher.Start(Counter(two).ObserveAsync, n => $"{n}");
        await watcher.SeesAsync(rig, "0").ConfigureAwait(false);
        _ = await AddAsync(rig, one, 1).ConfigureAwait(false);
        await watcher.SeesAsync(rig, "0 1").ConfigureAwait(false);
        _ = await AddAsync(rig, one, -3).ConfigureAwait(false);
        await watcher.SeesAsync(rig, "0 1 -2").ConfigureAwait(false);
        var failures = await two.CutOffAsync().ConfigureAwait(false);
        _ = await AddAsync(rig, one, 10).ConfigureAwait(false);
        _ = await AddAsync(rig, one, 10).ConfigureAwait(false);
        await rig.UntilAsync(() => failures() >= 3, "who observes notices the outage").ConfigureAwait(false);
        Check.Equal("0 1 -2", watcher.Seen, "what was told during an outage");
        two.Store.Reset();
        await watcher.SeesAsync(rig, "0 1 -2 18").ConfigureAwait(false);
        Check.Equal(4, watcher.Count, "nothing is told twice: how often anything was told");
        await watcher.EndAsync(rig).ConfigureAwait(false);
    });

    /// <summary>Somebody else's value is not made ours.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhatIsNoNumberIsAnErrorAndIsKept(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        foreach (string value in (string[])["seven", "", "7 ", "9223372036854775808", "4 4"])
        {
            await rig.Behind.PutAsync("counter/x/value", Bytes(value)).ConfigureAwait(false);
            await rig.Behind.PutAsync("countdown/x/value", Bytes(value == "4 4" ? "4" : value)).ConfigureAwait(false);
            _ = await Check.ThrowsAsync<StoreFormatException>(() => NumberAsync(rig, client), $"reading '{value}'").ConfigureAwait(false);
            _ = await Check.ThrowsAsync<StoreFormatException>(() => AddAsync(rig, client, 1), $"adding to '{value}'").ConfigureAwait(false);
            _ = await Check.ThrowsAsync<StoreFormatException>(() => rig.EventuallyAsync(Counter(client).TrySetAsync(1, 0).AsTask(), "a set ends"), $"setting '{value}'").ConfigureAwait(false);
            _ = await Check.ThrowsAsync<StoreFormatException>(
                () => rig.EventuallyAsync(client.Client.Countdown("x", 4).SignalAsync().AsTask(), "a signal ends"), $"signalling '{value}'").ConfigureAwait(false);
            _ = await Check.ThrowsAsync<StoreFormatException>(
                () => rig.EventuallyAsync(client.Client.Countdown("x", 4).WaitAsync().AsTask(), "a wait ends"), $"waiting for '{value}'").ConfigureAwait(false);
            Check.Equal(value, Text((await rig.EntriesAsync("counter/x/value").ConfigureAwait(false)).Single().Value), "what is no number, after all that");
        }
    });

    private static DistributedCounter Counter(RigClient client) => client.Client.Counter("x");

    private static Task<long> AddAsync(ClaimRig rig, RigClient client, long delta) => rig.EventuallyAsync(Counter(client).AddAsync(delta).AsTask(), "an addition ends");

    private static Task<long> NumberAsync(ClaimRig rig, RigClient client) => rig.EventuallyAsync(PatientlyAsync(rig, () => Counter(client).GetAsync()), "a number is read");
}
