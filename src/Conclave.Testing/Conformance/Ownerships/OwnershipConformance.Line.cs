using System.Collections.Concurrent;
using Conclave.Ownership;
using Conclave.Storage;
using Held = Conclave.Ownership.Ownership;

namespace Conclave.Testing;

public static partial class OwnershipConformance
{
    private const string InLine = "Ownership: usually one owner; processes are served in the order in which they came, each woken by the release before it.";

    /// <summary>Counted at the store.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhatIsFreeIsOwnedByOneCommitAndGivenUpByOne(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        int before = client.Store.Commits;
        var held = await OwnAsync(rig, Calm(client)).ConfigureAwait(false);
        rig.CheckCount(1, client.Store.Commits - before, "the commits of owning what is free");
        var seen = await LookAsync(rig).ConfigureAwait(false);
        Check.That(seen.Owner!.StartsWith("me#", StringComparison.Ordinal) && seen.Waiters.IsEmpty, $"the record tells who owns, not '{seen.Owner}'");
        Check.Equal("me", held.Owner, "the owner");
        Check.Equal("x", held.Key, "the key");
        before = client.Store.Commits;
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        rig.CheckCount(1, client.Store.Commits - before, "the commits of giving it up");
        Check.That(!held.Lost.IsCancellationRequested, "who gives up has lost nothing");
        await NothingIsLeftAsync(rig, "of an owner that gave up").ConfigureAwait(false);
    });

    /// <summary>First in, first out.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task OwnersOfOneProcessFollowEachOtherWithoutTheStore(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var held = await OwnAsync(rig, Calm(client)).ConfigureAwait(false);
        var order = new ConcurrentQueue<int>();
        var waiting = Enumerable.Range(0, 5).Select(async i =>
        {
            var own = await Calm(client).OwnAsync("x", $"local {i}").ConfigureAwait(false);
            order.Enqueue(i);
            return own;
        }).ToArray();
        using var cancel = new CancellationTokenSource();
        var cancelled = Calm(client).OwnAsync("x", "changes its mind", cancel.Token).AsTask();
        await CancelledAsync(rig, cancel, cancelled).ConfigureAwait(false);
        int before = client.Store.Commits;
        foreach (var next in waiting)
        {
            await rig.SoonAsync(held.DisposeAsync().AsTask(), "a local owner gives up").ConfigureAwait(false);
            held = await SoonAsync(rig, next).ConfigureAwait(false);
        }

        Check.Equal(0, client.Store.Commits - before, "the commits of five hand-overs within a process");
        Check.Equal("0 1 2 3 4", string.Join(' ', order), "local owners, in the order in which they came");
        Check.Equal("local 4", held.Owner, "the owner that is last");
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        await NothingIsLeftAsync(rig, "of the last local owner").ConfigureAwait(false);
    });

    /// <summary>One refresh interval is for those of the process, then the others are next.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task LocalOwnersDoNotKeepOtherProcessesWaiting(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (busy, other) = (rig.Client(), rig.Client());
        using var stop = new CancellationTokenSource();
        int turns = 0;
        var local = Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                var own = await Lively(rig, busy).OwnAsync("x", "busy").ConfigureAwait(false);
                Interlocked.Increment(ref turns);
                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System).ConfigureAwait(false);
                await own.DisposeAsync().ConfigureAwait(false);
            }
        })).ToArray();
        await rig.UntilAsync(() => turns > 5, "owners of one process take turns").ConfigureAwait(false);
        for (int i = 0; i < 2; i++)
        {
            var held = await OwnAsync(rig, Lively(rig, other)).ConfigureAwait(false);
            await GiveUpAsync(rig, held).ConfigureAwait(false);
        }

        await stop.CancelAsync().ConfigureAwait(false);
        await rig.EventuallyAsync(Task.WhenAll(local), "local owners end").ConfigureAwait(false);
    });

    /// <summary>No time passes.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task TheNextProcessInLineIsWokenByTheRelease(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var clients = Enumerable.Range(0, 5).Select(_ => rig.Client()).ToArray();
        var held = await OwnAsync(rig, Calm(clients[0])).ConfigureAwait(false);
        var waiting = new List<Waits>();
        foreach (var client in clients.Skip(1))
        {
            waiting.Add(await LineUpAsync(rig, Calm(client), waiting.Count + 1).ConfigureAwait(false));
        }

        var seen = await LookAsync(rig).ConfigureAwait(false);
        Check.Keys(Enumerable.Range(1, 4).Select(i => $"waiter {i}"), seen.Waiters.Select(w => w[..w.IndexOf('#', StringComparison.Ordinal)]), "who waits, in order");
        int before = clients.Sum(c => c.Store.Commits);
        while (waiting.Count > 0)
        {
            await GiveUpAsync(rig, held).ConfigureAwait(false);
            held = await SoonAsync(rig, waiting[0].Own).ConfigureAwait(false);
            waiting.RemoveAt(0);
            Check.That(waiting.All(w => !w.Own.IsCompleted), "only the first in line is next");
        }

        int commits = clients.Sum(c => c.Store.Commits) - before;
        Check.That(!rig.StandsStill || commits <= 4 * 3, $"from owner to owner it takes a release, a look of the next and one of who is first then, not {commits} for 4");
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        await NothingIsLeftAsync(rig, "when nobody waits any more").ConfigureAwait(false);
    });

    /// <summary>What is handed over is never free in between.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ANewcomerDoesNotComeBetween(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (first, second, third, newcomer) = (rig.Client(), rig.Client(), rig.Client(), rig.Client());
        var held = await OwnAsync(rig, Calm(first)).ConfigureAwait(false);
        var next = await LineUpAsync(rig, Calm(second), 1).ConfigureAwait(false);
        var last = await LineUpAsync(rig, Calm(third), 2).ConfigureAwait(false);
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        held = await EventuallyAsync(rig, next.Own).ConfigureAwait(false);

        // the second one knows of the third since it owns
        var between = new ConcurrentQueue<Held>();
        second.Store.OnCommit = async (transaction, proceed) =>
        {
            var result = await proceed().ConfigureAwait(false);
            if (IsWithdrawal(transaction) && result.Accepted)
            {
                if (await Calm(newcomer).TryOwnAsync("x", "newcomer").ConfigureAwait(false) is { } own)
                {
                    rig.Keep(own);
                    between.Enqueue(own);
                }
            }

            return result;
        };
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        Check.That(between.IsEmpty, "a newcomer that tries right after a release finds the key handed over");
        held = await EventuallyAsync(rig, last.Own).ConfigureAwait(false);
        await GiveUpAsync(rig, held).ConfigureAwait(false);
    });

    /// <summary>Null when it is somebody's.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ATryOwnsWhatIsFreeAndDoesNotWait(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (first, second) = (rig.Client(), rig.Client());
        var held = await rig.EventuallyAsync(Calm(first).TryOwnAsync("x", "me").AsTask(), "a try ends").ConfigureAwait(false);
        Check.That(held is not null, "a try gets what is free");
        Check.That(await rig.EventuallyAsync(Calm(second).TryOwnAsync("x", "other").AsTask(), "a try ends").ConfigureAwait(false) is null, "a try of another process does not wait");
        Check.That(await rig.EventuallyAsync(Calm(first).TryOwnAsync("x", "local").AsTask(), "a try ends").ConfigureAwait(false) is null, "a try of the same process does not wait");
        var soon = TimeSpan.FromMilliseconds(300);
        Check.That(await rig.EventuallyAsync(Calm(second).TryOwnAsync("x", "other", soon).AsTask(), "a short wait ends").ConfigureAwait(false) is null, "a wait ends with its timeout");
        _ = await Check.ThrowsAsync<TimeoutException>(() => rig.EventuallyAsync(Calm(first).OwnAsync("x", "local", soon).AsTask(), "a short wait ends"), "a wait that was not served in time").ConfigureAwait(false);
        await LineIsAsync(rig, 0).ConfigureAwait(false);
        Check.That(!held!.Lost.IsCancellationRequested, "who owns is not disturbed by tries");
        await GiveUpAsync(rig, held).ConfigureAwait(false);
        await NothingIsLeftAsync(rig, "of tries and of their owner").ConfigureAwait(false);
    });

    /// <summary>Two keys, three processes: own, wait, change one's mind, give up; after each step the store is as the model says.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task OwnersAreAsAModelSaysInRandomTraffic(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var owners = Enumerable.Range(0, 3).Select(_ => Calm(rig.Client())).ToArray();
        var random = new Random(harness.Seed);
        var keys = Enumerable.Range(0, 2).ToDictionary(i => $"key {i}", _ => new List<(int Process, Task<Held> Own, CancellationTokenSource Cancel)>());
        for (int step = 0; step < (rig.IsPlain ? 40 : 15); step++)
        {
            var (key, line) = keys.ElementAt(random.Next(2));
            int process = random.Next(owners.Length);
            int place = line.FindIndex(l => l.Process == process);
            if (place < 0)
            {
                var cancel = new CancellationTokenSource();
                line.Add((process, owners[process].OwnAsync(key, $"{process}", cancel.Token).AsTask(), cancel));
            }
            else if (place > 0)
            {
                await CancelledAsync(rig, line[place].Cancel, line[place].Own).ConfigureAwait(false);
                line.RemoveAt(place);
            }
            else
            {
                await GiveUpAsync(rig, await line[0].Own.ConfigureAwait(false)).ConfigureAwait(false);
                line.RemoveAt(0);
            }

            await rig.UntilAsync(() => line.Count == 0 || line[0].Own.IsCompleted, $"the first in line owns '{key}' after step {step}").ConfigureAwait(false);
            await rig.UntilAsync(
                async () =>
                {
                    var record = await rig.EntriesAsync($"owner/p/{key}/record").ConfigureAwait(false);
                    var waiters = await rig.EntriesAsync($"owner/p/{key}/wait/").ConfigureAwait(false);
                    return record.Length == Math.Min(1, line.Count) && waiters.Length == Math.Max(0, line.Count - 1);
                },
                $"the store shows {line.Count} at '{key}' after step {step}").ConfigureAwait(false);
            Check.That(line.Skip(1).All(l => !l.Own.IsCompleted), $"only the first in line owns '{key}' after step {step}");
        }

        foreach (var line in keys.Values)
        {
            foreach (var (_, own, cancel) in line)
            {
                await GiveUpAsync(rig, await EventuallyAsync(rig, own).ConfigureAwait(false)).ConfigureAwait(false);
                cancel.Dispose();
            }
        }
    });

    /// <summary>As far as the owners may believe it.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task OwnershipsDoNotOverlapInRandomTraffic(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        const int workers = 6;
        var clients = Enumerable.Range(0, 3).Select(_ => rig.Client()).ToArray();
        var owns = new Held?[workers];
        int[] turns = new int[workers];
        await rig.SoonAsync(
            Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(async () =>
            {
                var random = new Random((harness.Seed * 1000) + worker);
                while (turns[worker] < (rig.IsPlain ? 12 : 6))
                {
                    var owner = Lively(rig, clients[worker % clients.Length]);
                    using var cancel = new CancellationTokenSource();
                    if (random.Next(6) == 0)
                    {
                        cancel.CancelAfter(TimeSpan.FromMilliseconds(random.Next(1, 5)));
                    }

                    try
                    {
                        var held = await owner.OwnAsync("x", $"worker {worker}", cancel.Token).ConfigureAwait(false);
                        await using var ends = held.ConfigureAwait(false);
                        Volatile.Write(ref owns[worker], held);
                        var others = Enumerable.Range(0, workers).Where(w => w != worker && Volatile.Read(ref owns[w]) is { Lost.IsCancellationRequested: false });
                        Check.That(held.Lost.IsCancellationRequested || !others.Any(), $"worker {worker} owns together with {string.Join(", ", others)}");
                        await Task.Delay(TimeSpan.FromMilliseconds(random.Next(3)), TimeProvider.System).ConfigureAwait(false);
                        Volatile.Write(ref owns[worker], null);
                        turns[worker]++;
                    }
                    catch (OperationCanceledException) when (cancel.IsCancellationRequested)
                    {
                        // changed its mind
                    }
                }
            }))),
            "everybody is served").ConfigureAwait(false);
    });
}
