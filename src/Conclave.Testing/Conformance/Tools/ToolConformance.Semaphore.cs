using System.Collections.Concurrent;
using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ToolConformance
{
    private const string NeverMore = "Semaphore: at most n permits in use; several at once, all or none, and who wants many is not overtaken.";
    private const string FreeIsGranted = "Semaphore: holders leave in any order; every free permit is granted by a hint, not by a timer.";
    private const string OneWaits = "Semaphore: one waiting contender per process, however many wait in it.";
    private const string OneNumber = "Semaphore: who comes with another n gets a RuleMismatchException, and nobody is disturbed.";
    private const string Permits = "semaphore/x/";

    /// <summary>Three clients, nine workers, from one to all four permits at once.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task NeverMorePermitsAreInUseThanThereAre(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        const int permits = 4;
        var clients = new[] { rig.Client(), rig.Client(), rig.Client() };
        var holders = new Holders("x", permits, fences: false);
        int refused = 0;
        await RunTrafficAsync(
            rig, 9, rig.IsPlain ? 30 : 12,
            async (worker, random) =>
            {
                var semaphore = clients[worker % clients.Length].Client.Semaphore("x", permits);
                int weight = Math.Max(1, random.Next(-2, permits + 1));
                holders.OnAsk(weight);
                var claim = random.Next(5) == 0 ? await semaphore.TryAcquireAsync(count: weight).ConfigureAwait(false) : await semaphore.AcquireAsync(weight).ConfigureAwait(false);
                if (claim is null)
                {
                    Interlocked.Increment(ref refused);
                    holders.OnRefusal(weight);
                    return;
                }

                await using (claim.ConfigureAwait(false))
                {
                    holders.OnGrant(claim, weight);
                    await PauseAsync(random).ConfigureAwait(false);

                    // on a slow store nobody would meet so many others otherwise: whoever leaves room stays until some have come
                    long since = TimeProvider.System.GetTimestamp();
                    int grants = holders.Grants;
                    while (weight == 1 && holders.Most < permits && holders.Grants < grants + permits && TimeProvider.System.GetElapsedTime(since) < TimeSpan.FromMilliseconds(500))
                    {
                        await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System).ConfigureAwait(false);
                    }
                }
            },
            () => holders.IsContended && holders.Most == permits && refused > 0,
            () => $"{holders.Strength}; {refused} tries got nothing").ConfigureAwait(false);
    });

    /// <summary>The middle one first, while the clock stands still.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task EveryPermitThatComesFreeIsGrantedByAHint(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var clients = Enumerable.Range(0, 4).Select(_ => rig.Client()).ToArray();
        var held = new List<Claim>();
        for (int i = 0; i < 3; i++)
        {
            held.Add(await TakeAsync(rig, clients[i % 2].Client.Semaphore("x", 3).AcquireAsync()).ConfigureAwait(false));
        }

        long start = rig.Clock.GetTimestamp();
        var waiting = new Queue<Task<Claim>>();
        const int turns = 12;
        for (int i = 0; i < turns; i++)
        {
            // two wait, each in its own process, and they are served in their order, whoever leaves
            while (waiting.Count < 2)
            {
                waiting.Enqueue(clients[2 + ((i + waiting.Count) % 2)].Client.Semaphore("x", 3).AcquireAsync().AsTask());
                await rig.ContendersAsync(3 + waiting.Count, Permits).ConfigureAwait(false);
            }

            var leaves = held[(i * 2 + 1) % 3];
            await ReleaseAsync(rig, leaves).ConfigureAwait(false);
            held.Remove(leaves);
            held.Add(await TakeAsync(rig, waiting.Dequeue()).ConfigureAwait(false));
            Check.That(waiting.All(w => !w.IsCompleted), "one free permit lets one in, the first who waits");
        }

        var bound = clients[0].Store.Description.MaxSilence * turns / 2;
        Check.That(!rig.IsPlain || rig.Clock.GetElapsedTime(start) < bound, $"{turns} permits took {rig.Clock.GetElapsedTime(start)}, hints would need less than {bound}");
        await ReleaseAsync(rig, held[0]).ConfigureAwait(false);
        _ = await TakeAsync(rig, waiting.Dequeue()).ConfigureAwait(false);
    });

    /// <summary>Nine wait in a queue, and those in front leave it one after the other, while those before them stay.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task OnlyTheFirstWhoWaitLookAtThePermits(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        const int permits = 3, lookouts = 2, waiters = 9;
        var held = new Queue<Claim>();
        while (held.Count < permits)
        {
            held.Enqueue(await TakeAsync(rig, rig.Client().Client.Semaphore("x", permits).AcquireAsync()).ConfigureAwait(false));
        }

        var clients = new List<RigClient>();
        var waiting = new Queue<Task<Claim>>();
        while (clients.Count < waiters)
        {
            clients.Add(rig.Client());
            waiting.Enqueue(clients[^1].Client.Semaphore("x", permits).AcquireAsync().AsTask());
            await rig.ContendersAsync(permits + clients.Count, Permits).ConfigureAwait(false);
        }

        // as many are let in as there are permits: the last of them heard of it only because those before it said that they wait no longer
        int[] before = [.. clients.Select(c => c.Store.Commits)];
        long start = rig.Clock.GetTimestamp();
        var next = new List<Claim>();
        while (next.Count < permits)
        {
            await ReleaseAsync(rig, held.Dequeue()).ConfigureAwait(false);
            next.Add(await TakeAsync(rig, waiting.Dequeue()).ConfigureAwait(false));
        }

        for (int i = permits + lookouts; i < waiters; i++)
        {
            rig.CheckCount(0, clients[i].Store.Commits - before[i], $"how often number {i} of those who wait reads while {permits} others are let in");
        }

        // those who hold one leave out of order, two at a time
        while (waiting.Count > 0)
        {
            await Task.WhenAll(ReleaseAsync(rig, next[1]), ReleaseAsync(rig, next[2])).ConfigureAwait(false);
            next = [next[0], await TakeAsync(rig, waiting.Dequeue()).ConfigureAwait(false), await TakeAsync(rig, waiting.Dequeue()).ConfigureAwait(false)];
            Check.That(waiting.All(w => !w.IsCompleted), "two free permits let two in");
        }

        var bound = clients[0].Store.Description.MaxSilence * waiters / 2;
        Check.That(!rig.IsPlain || rig.Clock.GetElapsedTime(start) < bound, $"{waiters} permits took {rig.Clock.GetElapsedTime(start)}, hints would need less than {bound}");
    });

    /// <summary>One free permit is no use to who wants three, and not for who comes after.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhoWantsManyPermitsIsNotOvertakenByWhoWantsFew(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two, three) = (rig.Client(), rig.Client(), rig.Client());
        var held = await TakeAsync(rig, one.Client.Semaphore("x", 3).AcquireAsync(2)).ConfigureAwait(false);
        var many = two.Client.Semaphore("x", 3).AcquireAsync(3).AsTask();
        await rig.ContendersAsync(2, Permits).ConfigureAwait(false);
        var few = three.Client.Semaphore("x", 3).AcquireAsync().AsTask();
        await rig.ContendersAsync(3, Permits).ConfigureAwait(false);
        await FailsAsync(rig, one.Client.Semaphore("x", 3).TryAcquireAsync(), "a try of a free permit for which somebody waits").ConfigureAwait(false);
        Check.That(!many.IsCompleted && !few.IsCompleted, "one free permit is not given to who came after one who wants three");
        var looking = new ConclaveClient(rig.Behind, new() { LeaveStoreOpen = true, TimeProvider = one.Clock });
        await rig.ContendersBecomeAsync(3, Permits).ConfigureAwait(false);
        var snapshot = await looking.Semaphore("x", 3).InspectAsync().ConfigureAwait(false);
        await looking.DisposeAsync().ConfigureAwait(false);
        Check.Equal((1, 2), (snapshot.Holders.Length, snapshot.Waiters.Length), "who holds and who waits, as others see it");
        await ReleaseAsync(rig, held).ConfigureAwait(false);
        var all = await TakeAsync(rig, many).ConfigureAwait(false);
        Check.That(!few.IsCompleted, "nobody has a permit while one has all");
        await ReleaseAsync(rig, all).ConfigureAwait(false);
        _ = await TakeAsync(rig, few).ConfigureAwait(false);
        _ = await TakeAsync(rig, one.Client.Semaphore("x", 3).AcquireAsync(2)).ConfigureAwait(false);
    });

    /// <summary>An error for who comes later, peace for holders and waiters.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AnotherNumberOfPermitsIsRefusedAndDisturbsNobody(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two, three) = (rig.Client(), rig.Client(), rig.Client());
        var first = await TakeAsync(rig, one.Client.Semaphore("x", 2).AcquireAsync()).ConfigureAwait(false);
        var second = await TakeAsync(rig, one.Client.Semaphore("x", 2).AcquireAsync()).ConfigureAwait(false);
        var waiting = two.Client.Semaphore("x", 2).AcquireAsync().AsTask();
        await rig.ContendersAsync(3, Permits).ConfigureAwait(false);
        foreach (int n in (int[])[1, 3, 1000])
        {
            var error = await Check.ThrowsAsync<RuleMismatchException>(
                () => rig.SoonAsync(three.Client.Semaphore("x", n).AcquireAsync().AsTask(), "an acquire with another n ends"), $"an acquire with {n} permits").ConfigureAwait(false);
            Check.That(error.Message.Contains("semaphore 'x' is used as one with 2 permits", StringComparison.Ordinal), $"the message names the number of the others: {error.Message}");
            _ = await Check.ThrowsAsync<RuleMismatchException>(
                () => rig.SoonAsync(three.Client.Semaphore("x", n).TryAcquireAsync().AsTask(), "a try with another n ends"), $"a try with {n} permits").ConfigureAwait(false);
        }

        await rig.ContendersBecomeAsync(3, Permits).ConfigureAwait(false);
        Check.That(first.IsHeld && second.IsHeld && !waiting.IsCompleted, "nobody is disturbed by another n");
        await ReleaseAsync(rig, second).ConfigureAwait(false);
        var third = await TakeAsync(rig, waiting).ConfigureAwait(false);
        await ReleaseAsync(rig, first).ConfigureAwait(false);
        await ReleaseAsync(rig, third).ConfigureAwait(false);
        await rig.ContendersBecomeAsync(0, Permits).ConfigureAwait(false);
        _ = await TakeAsync(rig, three.Client.Semaphore("x", 3).AcquireAsync()).ConfigureAwait(false);
    });

    /// <summary>Twenty that wait in one process, two permits.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AProcessHasOneWaitingContenderHoweverManyWaitInIt(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        const int permits = 2;
        const int count = 20;
        var client = rig.Client();
        var semaphore = client.Client.Semaphore("x", permits);
        var holders = new Holders("x", permits, fences: false);
        Claim[] held = [await TakeAsync(rig, semaphore.AcquireAsync()).ConfigureAwait(false), await TakeAsync(rig, semaphore.AcquireAsync()).ConfigureAwait(false)];
        var order = new ConcurrentQueue<int>();
        var waiters = Enumerable.Range(0, count).Select(async i =>
        {
            holders.OnAsk(1);
            var claim = await semaphore.AcquireAsync().ConfigureAwait(false);
            order.Enqueue(i);
            holders.OnGrant(claim, 1);
            int contenders = (await rig.EntriesAsync(Permits).ConfigureAwait(false)).Length;
            Check.That(contenders <= permits + 1, $"{contenders} contenders while many wait in one process");
            await claim.DisposeAsync().ConfigureAwait(false);
        }).ToArray();
        await rig.ContendersAsync(permits + 1, Permits).ConfigureAwait(false);
        int before = client.Store.Commits;
        await FailsAsync(rig, semaphore.TryAcquireAsync(), "a try while others wait").ConfigureAwait(false);
        Check.That(waiters.All(w => !w.IsCompleted), "nobody is granted while all permits are held");
        await rig.ContendersBecomeAsync(permits + 1, Permits).ConfigureAwait(false);
        Check.That(!rig.StandsStill || client.Store.Commits - before <= 6, $"{client.Store.Commits - before} commits for a try while many wait");
        await ReleaseAsync(rig, held[1]).ConfigureAwait(false);
        await ReleaseAsync(rig, held[0]).ConfigureAwait(false);
        await rig.SoonAsync(Task.WhenAll(waiters), "everybody who waits is served").ConfigureAwait(false);
        Check.Equal(count, order.Count, "how many were served");
        await rig.ContendersBecomeAsync(0, Permits).ConfigureAwait(false);
    });

    /// <summary>Who tries gets what is free, and leaves nothing behind otherwise.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ATryTakesWhatIsFreeAndDoesNotWait(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var span = TimeSpan.FromMilliseconds(200);
        var (one, two) = (rig.Client(), rig.Client());
        _ = await TakeTriedAsync(rig, one.Client.Semaphore("x", 3).TryAcquireAsync(count: 2)).ConfigureAwait(false);
        foreach (var client in (RigClient[])[one, two])
        {
            var semaphore = client.Client.Semaphore("x", 3);
            await FailsAsync(rig, semaphore.TryAcquireAsync(count: 2), "a try of two permits of which one is free").ConfigureAwait(false);
            await FailsAsync(rig, semaphore.TryAcquireAsync(span, count: 3), "a try with a timeout of all permits").ConfigureAwait(false);
            _ = await Check.ThrowsAsync<TimeoutException>(
                () => rig.EventuallyAsync(semaphore.AcquireAsync(span, 2).AsTask(), "an acquire with a timeout ends"), "an acquire whose time is over").ConfigureAwait(false);
            using var cancel = new CancellationTokenSource();
            var gone = semaphore.AcquireAsync(2, cancel.Token).AsTask();
            await rig.ContendersAsync(2, Permits).ConfigureAwait(false);
            await CancelledAsync(rig, cancel, gone).ConfigureAwait(false);
            await rig.ContendersBecomeAsync(1, Permits).ConfigureAwait(false);
            var free = await TakeTriedAsync(rig, semaphore.TryAcquireAsync()).ConfigureAwait(false);
            await ReleaseAsync(rig, free).ConfigureAwait(false);
        }
    });

    /// <summary>A process that ends gives back what it held.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task PermitsOfASessionThatEndsComeBack(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two, three) = (rig.Client(), rig.Client(), rig.Client());
        var lost = await TakeAsync(rig, one.Client.Semaphore("x", 3).AcquireAsync(2)).ConfigureAwait(false);
        var kept = await TakeAsync(rig, three.Client.Semaphore("x", 3).AcquireAsync()).ConfigureAwait(false);
        var waiting = two.Client.Semaphore("x", 3).AcquireAsync(2).AsTask();
        await rig.ContendersAsync(3, Permits).ConfigureAwait(false);
        await rig.KillAsync(lost, "semaphore").ConfigureAwait(false);
        var next = await TakeAsync(rig, waiting).ConfigureAwait(false);
        await rig.UntilAsync(() => lost.State == ClaimState.Lost, "permits are lost with their session").ConfigureAwait(false);
        Check.That(!await rig.EventuallyAsync(lost.ReleaseAsync().AsTask(), "lost permits are released").ConfigureAwait(false), "a release of what was lost says that it was no longer ours");
        Check.That(next.IsHeld && kept.IsHeld, "a release of lost permits takes nothing from the others");
        await FailsAsync(rig, one.Client.Semaphore("x", 3).TryAcquireAsync(), "a try after lost permits were given to others").ConfigureAwait(false);
    });

    /// <summary>Applied or not.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task PermitsWhoseAnswersAreLostAreTakenAndGivenBackOnce(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        foreach (var (applied, times) in ((bool, int)[])[(true, 1), (false, 2)])
        {
            var client = rig.Client();
            var semaphore = client.Client.Semaphore("x", 3);
            client.LoseAnswers(InterceptedStore.IsJoin, applied, times);
            var claim = await TakeEventuallyAsync(rig, semaphore.AcquireAsync(2).AsTask()).ConfigureAwait(false);
            await rig.ContendersBecomeAsync(1, Permits).ConfigureAwait(false);
            client.LoseAnswers(InterceptedStore.IsLeave, applied, times);
            Check.That(await rig.EventuallyAsync(claim.ReleaseAsync().AsTask(), "permits are given back").ConfigureAwait(false), "permits whose answer was lost were ours");
            await rig.ContendersBecomeAsync(0, Permits).ConfigureAwait(false);
            client.Store.Reset();
            var all = await TakeAsync(rig, semaphore.AcquireAsync(3)).ConfigureAwait(false);
            await ReleaseAsync(rig, all).ConfigureAwait(false);
        }
    });

    /// <summary>None, less than none, more than there are, and twice.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ImpossibleNumbersOfPermitsAreRefused(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        foreach (int n in (int[])[0, -1, int.MinValue])
        {
            await RefusedAsync<ArgumentOutOfRangeException>(() => client.Client.Semaphore("x", n), $"a semaphore of {n} permits").ConfigureAwait(false);
        }

        var semaphore = client.Client.Semaphore("x", 2);
        foreach (int count in (int[])[0, -1, 3, int.MaxValue])
        {
            _ = await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => semaphore.AcquireAsync(count).AsTask(), $"an acquire of {count} permits of 2").ConfigureAwait(false);
            _ = await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => semaphore.TryAcquireAsync(count: count).AsTask(), $"a try of {count} permits of 2").ConfigureAwait(false);
        }

        _ = await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => semaphore.TryAcquireAsync(TimeSpan.FromSeconds(-2)).AsTask(), "a negative timeout").ConfigureAwait(false);
        Check.Equal(0, client.Store.Commits, "commits for what was refused");
        var first = await TakeAsync(rig, semaphore.AcquireAsync()).ConfigureAwait(false);
        var second = await TakeAsync(rig, semaphore.AcquireAsync()).ConfigureAwait(false);
        await first.DisposeAsync().ConfigureAwait(false);
        await first.DisposeAsync().ConfigureAwait(false);
        _ = await TakeAsync(rig, semaphore.AcquireAsync()).ConfigureAwait(false);
        await FailsAsync(rig, semaphore.TryAcquireAsync(), "a try after one permit was given back twice and taken once").ConfigureAwait(false);
        Check.That(second.IsHeld, "a permit that is given back twice takes nothing from the others");
    });
}
