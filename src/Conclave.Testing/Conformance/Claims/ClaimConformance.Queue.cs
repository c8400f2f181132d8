using System.Collections.Concurrent;
using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ClaimConformance
{
    /// <summary>Hold, refuse, hand over; two clients of one process are two.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task OneClientAtATimeHoldsAndAReleaseLetsTheNextOneIn(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var first = await one.AcquireAsync().ConfigureAwait(false);
        Check.That(first.IsHeld, "a claim that was granted is held");
        first.ThrowIfLost();
        Check.That(!rig.StandsStill || first.State == ClaimState.Safe, $"a claim that was granted is safe, not {first.State}");
        Check.That(first.SafeTime > TimeSpan.Zero && (!rig.StandsStill || first.SafeTime < rig.TimeToLive), $"a claim is safe for less than its time to live, not for {first.SafeTime}");

        Check.That(await rig.EventuallyAsync(two.Lock().TryAcquireAsync().AsTask(), "a try ends").ConfigureAwait(false) is null, "a try while another one holds gets nothing");
        var waiting = await two.QueueUpAsync(2).ConfigureAwait(false);
        _ = await two.AcquireAsync("y").ConfigureAwait(false);
        Check.That(!waiting.Task.IsCompleted, "who waits is not granted while another one holds");
        var lost = first.Lost;
        Check.That(await one.ReleaseAsync(first).ConfigureAwait(false), "a release of what was held says so");

        var second = await two.GrantedAsync(waiting).ConfigureAwait(false);
        Check.That(second.Token > first.Token, $"the later token {second.Token} is larger than {first.Token}");
        second.ThrowIfLost();
        Check.Equal((false, ClaimState.Released, TimeSpan.Zero), (first.IsHeld, first.State, first.SafeTime), "what is left of a claim that was released");
        _ = await Check.ThrowsAsync<ClaimLostException>(() => Task.Run(first.ThrowIfLost), "looking at a claim that was released").ConfigureAwait(false);
        Check.That(!lost.IsCancellationRequested && !first.Lost.IsCancellationRequested, "a release is no loss");
        var far = await rig.SoonAsync(two.Lock("far").TryAcquireAsync(TimeSpan.MaxValue).AsTask(), "a try without limit ends").ConfigureAwait(false);
        Check.That(far is not null, "a try without limit gets what is free");
        rig.Keep(far!);
    });

    /// <summary>The numbers that the design is built around.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task UncontendedAnAcquireAndAReleaseAreTwoCommits(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        _ = await client.AcquireAsync("warm").ConfigureAwait(false);
        int before = client.Store.Commits;
        var claim = await client.AcquireAsync().ConfigureAwait(false);
        rig.CheckCount(1, client.Store.Commits - before, "commits of an uncontended acquire");
        await client.ReleaseAsync(claim).ConfigureAwait(false);
        rig.CheckCount(2, client.Store.Commits - before, "commits of an uncontended acquire and its release");
    });

    /// <summary>A hundred that wait for each other in one process.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task LocalWaitersCostTheStoreNothingAndAreServedInOrder(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        int count = rig.StandsStill ? 100 : 25;
        var client = rig.Client();
        var holder = await client.AcquireAsync().ConfigureAwait(false);
        int before = client.Store.Commits;
        var order = new ConcurrentQueue<int>();
        var waiters = Enumerable.Range(0, count).Select(async i =>
        {
            var claim = await client.Lock().AcquireAsync().ConfigureAwait(false);
            order.Enqueue(i);
            Check.Equal(1, (await rig.QueueAsync().ConfigureAwait(false)).Length, "contenders in the store while many wait in one process");
            await claim.DisposeAsync().ConfigureAwait(false);
        }).ToArray();
        Check.That(waiters.All(w => !w.IsCompleted), "nobody is granted while another one of the same client holds");
        rig.CheckCount(before, client.Store.Commits, "commits after a hundred began to wait");
        await client.ReleaseAsync(holder).ConfigureAwait(false);
        await rig.SoonAsync(Task.WhenAll(waiters), "everybody who waits is served").ConfigureAwait(false);
        Check.Equal(string.Join(' ', Enumerable.Range(0, count)), string.Join(' ', order), "the order in which local waiters were served");
        rig.CheckCount(before + 1 + (2 * count), client.Store.Commits, "commits after everybody was served");
    });

    /// <summary>Who gives up leaves the local queue to the others.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ALocalWaiterThatGivesUpLetsTheOthersPass(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var holder = await client.AcquireAsync().ConfigureAwait(false);
        Check.That(await rig.SoonAsync(client.Lock().TryAcquireAsync().AsTask(), "a try ends").ConfigureAwait(false) is null, "a try while another one of the client holds gets nothing");
        using var cancel = new CancellationTokenSource();
        var first = new Waiting(client.Lock().AcquireAsync().AsTask());
        var givesUp = client.Lock().AcquireAsync(cancel.Token).AsTask();
        var timesOut = client.Lock().TryAcquireAsync(TimeSpan.FromMilliseconds(200)).AsTask();
        var last = new Waiting(client.Lock().AcquireAsync().AsTask());
        await cancel.CancelAsync().ConfigureAwait(false);
        _ = await Check.ThrowsAsync<OperationCanceledException>(() => rig.SoonAsync(givesUp, "a wait that is cancelled ends"), "a wait that is cancelled").ConfigureAwait(false);
        Check.That(await rig.EventuallyAsync(timesOut, "a wait with a timeout ends").ConfigureAwait(false) is null, "a wait whose time is over gets nothing");
        Check.That(!first.Task.IsCompleted && !last.Task.IsCompleted, "nobody is granted because another one gave up");

        await client.ReleaseAsync(holder).ConfigureAwait(false);
        var second = await client.GrantedAsync(first).ConfigureAwait(false);
        Check.That(!last.Task.IsCompleted, "the last one waits for the first one");
        await client.ReleaseAsync(second).ConfigureAwait(false);
        await client.ReleaseAsync(await client.GrantedAsync(last).ConfigureAwait(false)).ConfigureAwait(false);
        _ = await client.AcquireAsync().ConfigureAwait(false);
    });

    /// <summary>Five processes.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ClientsAreServedInTheOrderInWhichTheyCame(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        // who loses its session loses its place: on a busy machine that may happen to somebody, but not every time
        const int attempts = 4;
        for (int attempt = 1; !await TryAsync().ConfigureAwait(false); attempt++)
        {
            Check.That(attempt < attempts, $"somebody lost its session in each of {attempts} attempts");
        }

        async Task<bool> TryAsync()
        {
            var first = rig.Client();
            var holder = await first.AcquireAsync().ConfigureAwait(false);
            var order = new ConcurrentQueue<int>();
            var clients = new List<RigClient>();
            var served = new List<Task>();
            for (int i = 0; i < 5; i++)
            {
                clients.Add(rig.Client());
                served.Add(ServeAsync(i, await clients[i].QueueUpAsync(i + 2).ConfigureAwait(false)));
            }

            await first.ReleaseAsync(holder).ConfigureAwait(false);
            await rig.SoonAsync(Task.WhenAll(served), "everybody who waits is served").ConfigureAwait(false);
            if (!rig.StandsStill && clients.Any(c => c.Store.Openings > 1))
            {
                return false;
            }

            Check.Equal("0 1 2 3 4", string.Join(' ', order), "the order in which clients were served");
            return true;

            async Task ServeAsync(int me, Waiting waiting)
            {
                var claim = await waiting.Task.ConfigureAwait(false);
                order.Enqueue(me);
                await claim.DisposeAsync().ConfigureAwait(false);
            }
        }
    });

    /// <summary>Ten that wait in one process, and one of another that came before them.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ACrowdInOneProcessDoesNotOvertakeAnother(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var held = await one.AcquireAsync().ConfigureAwait(false);
        var order = new ConcurrentQueue<string>();
        var waiting = await two.QueueUpAsync(2).ConfigureAwait(false);
        var served = Enumerable.Range(0, 10).Select(_ => ServeAsync(one.Lock().AcquireAsync().AsTask(), "crowd")).ToArray();
        await one.ReleaseAsync(held).ConfigureAwait(false);
        await rig.SoonAsync(Task.WhenAll([.. served, ServeAsync(waiting.Task, "other")]), "everybody who waits is served").ConfigureAwait(false);
        Check.Equal("other", order.First(), "who is served first after the holder");
        Check.Equal(11, order.Count, "how many were served");

        async Task ServeAsync(Task<Claim> acquire, string who)
        {
            var claim = await acquire.ConfigureAwait(false);
            order.Enqueue(who);
            await claim.DisposeAsync().ConfigureAwait(false);
        }
    });

    /// <summary>The process that is next in line dies, and its place goes with its session.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AWaiterThatDiesHoldsUpNobodyBehindIt(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two, three) = (rig.Client(), rig.Client(), rig.Client());
        var held = await one.AcquireAsync().ConfigureAwait(false);
        var dies = await two.QueueUpAsync(2).ConfigureAwait(false);
        var waiting = await three.QueueUpAsync(3).ConfigureAwait(false);
        var place = (await rig.QueueAsync().ConfigureAwait(false))[1];
        two.Store.OnCommit = (_, _) => throw new StoreUnavailableException("dead");
        two.Store.OnOpen = _ => throw new StoreUnavailableException("dead");
        await rig.Behind.CloseSessionAsync(place.Session!.Value).ConfigureAwait(false);
        await rig.QueuedAsync(2).ConfigureAwait(false);
        Check.That(!waiting.Task.IsCompleted && held.IsHeld, "who waits is not granted because the one before it died");
        await one.ReleaseAsync(held).ConfigureAwait(false);
        var next = await three.GrantedAsync(waiting).ConfigureAwait(false);
        Check.That(next.Token > held.Token, $"the later token {next.Token} is larger than {held.Token}");

        // it comes back to life, at the end of the queue
        two.Store.Reset();
        await rig.QueueBecomesAsync(2).ConfigureAwait(false);
        Check.That(next.IsHeld && !dies.Task.IsCompleted, "who comes back takes nothing from the holder");
        await three.ReleaseAsync(next).ConfigureAwait(false);
        _ = await two.GrantedEventuallyAsync(dies).ConfigureAwait(false);
    });

    /// <summary>The others sleep on.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task OnlyTheNextInLineIsWokenByARelease(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var first = rig.Client();
        var holder = await first.AcquireAsync().ConfigureAwait(false);
        const int turns = 5;
        var clients = Enumerable.Range(0, turns + 3).Select(_ => rig.Client()).ToArray();
        var waiting = new List<Waiting>();
        foreach (var client in clients)
        {
            waiting.Add(await client.QueueUpAsync(waiting.Count + 2).ConfigureAwait(false));
        }

        int[] before = [.. clients.Select(c => c.Store.Commits)];
        await first.ReleaseAsync(holder).ConfigureAwait(false);
        for (int i = 0; i < turns; i++)
        {
            await clients[i].ReleaseAsync(await clients[i].GrantedAsync(waiting[i]).ConfigureAwait(false)).ConfigureAwait(false);
        }

        // it waits for the one before it, which has not left; a herd would have read once for each that has
        var next = await clients[turns].GrantedAsync(waiting[turns]).ConfigureAwait(false);
        for (int i = turns + 1; i < clients.Length; i++)
        {
            Check.That(!waiting[i].Task.IsCompleted, $"number {i} in line is not granted before its turn");
            rig.CheckCount(0, clients[i].Store.Commits - before[i], $"how often number {i} in line reads for {turns + 1} hand-overs that are not its own");
        }

        await clients[turns].ReleaseAsync(next).ConfigureAwait(false);
        for (int i = turns + 1; i < clients.Length; i++)
        {
            await clients[i].ReleaseAsync(await clients[i].GrantedAsync(waiting[i]).ConfigureAwait(false)).ConfigureAwait(false);
        }
    });

    /// <summary>Ping-pong while the clock stands still.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AReleaseWakesTheNextByAHintAndNotByATimer(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        const int turns = 30;
        var clients = new[] { rig.Client(), rig.Client() };
        var claim = await clients[0].AcquireAsync().ConfigureAwait(false);
        long start = rig.Clock.GetTimestamp();
        for (int i = 1; i <= turns; i++)
        {
            var next = clients[i % 2];
            var waiting = await next.QueueUpAsync(2).ConfigureAwait(false);
            await rig.SoonAsync(claim.ReleaseAsync().AsTask(), "a release ends").ConfigureAwait(false);
            claim = await next.GrantedAsync(waiting).ConfigureAwait(false);
        }

        // where time cannot stand still, it must at least not be spent on silence
        var bound = clients[0].Store.Description.MaxSilence * turns / 2;
        Check.That(!rig.IsPlain || rig.Clock.GetElapsedTime(start) < bound, $"{turns} hand-overs took {rig.Clock.GetElapsedTime(start)}, hints would need less than {bound}");
    });

    /// <summary>Timeouts of all kinds.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ATimeoutEndsTheWaitAndLeavesNothingBehind(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var span = TimeSpan.FromMilliseconds(200);
        var (one, two) = (rig.Client(), rig.Client());
        var held = await one.AcquireAsync().ConfigureAwait(false);
        _ = await Check.ThrowsAsync<TimeoutException>(
            () => rig.EventuallyAsync(two.Lock().AcquireAsync(span).AsTask(), "an acquire with a timeout ends"), "an acquire whose time is over").ConfigureAwait(false);
        Check.That(await rig.EventuallyAsync(two.Lock().TryAcquireAsync(span).AsTask(), "a try with a timeout ends").ConfigureAwait(false) is null, "a try whose time is over gets nothing");
        Check.That(await rig.EventuallyAsync(one.Lock().TryAcquireAsync(span).AsTask(), "a local try with a timeout ends").ConfigureAwait(false) is null, "a local try whose time is over gets nothing");
        await rig.QueueBecomesAsync(1).ConfigureAwait(false);
        Check.Equal(ClaimRig.Revision(held), (await rig.QueueAsync().ConfigureAwait(false))[0].CreateRevision, "the contender that is left when others gave up");
        Check.That(held.IsHeld, "the holder is not disturbed by those who gave up");
        _ = await Check.ThrowsAsync<ArgumentOutOfRangeException>(() => one.Lock().TryAcquireAsync(TimeSpan.FromSeconds(-2)).AsTask(), "a negative timeout").ConfigureAwait(false);
    });

    /// <summary>Lists, labels and records.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task InspectingTellsWhoHoldsAndWhoWaits(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var one = rig.Client(o => o with { Label = "nightly backup" });
        var two = rig.Client(o => o with { Label = "by hand" });
        var held = await one.AcquireAsync("a/b").ConfigureAwait(false);
        using var cancel = new CancellationTokenSource();
        var waiting = await two.QueueUpAsync(2, "a/b", cancel.Token).ConfigureAwait(false);

        // no chaos for who only looks
        var looking = new ConclaveClient(rig.Behind, new() { LeaveStoreOpen = true, TimeProvider = one.Clock });
        var snapshot = await looking.Lock("a/b").InspectAsync().ConfigureAwait(false);
        var listed = new List<string>();
        await foreach (var queue in looking.ListLocksAsync().ConfigureAwait(false))
        {
            listed.Add($"{queue.Name}:{queue.Contenders.Length}");
        }

        Check.That((await looking.Lock("nobody").InspectAsync().ConfigureAwait(false)).Holder is null, "nobody holds a lock that is free");
        await looking.DisposeAsync().ConfigureAwait(false);
        Check.Equal("a/b:2", string.Join(' ', listed), "the locks that are listed");
        var holder = snapshot.Holder!;
        Check.Equal(held.Token, holder.Token, "the token of the holder, as others see it");
        Check.Equal(("nightly backup", "by hand"), (holder.Label, snapshot.Waiters.Single().Label), "the labels of holder and waiter");
        Check.Equal((Environment.MachineName, Environment.ProcessId), (holder.Host, holder.ProcessId), "host and process of the holder");
        Check.That((holder.Since!.Value - one.Clock.GetUtcNow()).Duration() < TimeSpan.FromMinutes(5), $"the holder joined just now, by its own wall clock, and not at {holder.Since}");
        await cancel.CancelAsync().ConfigureAwait(false);
        _ = await Check.ThrowsAsync<OperationCanceledException>(() => rig.SoonAsync(waiting.Task, "a wait that is cancelled ends"), "a wait that is cancelled").ConfigureAwait(false);
    });

    /// <summary>Slashes, percent signs, cases, spaces, composed and decomposed letters.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task NamesThatLookAlikeNeverMeet(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        foreach (string name in (string[])["a", "a/b", "a%2Fb", "a-b", "A", "a ", "é", "e\u0301", new('/', 256), "lock/a", "."])
        {
            var claim = await rig.SoonAsync(client.Lock(name).TryAcquireAsync().AsTask(), $"a try of '{name}' ends").ConfigureAwait(false);
            Check.That(claim is not null, $"'{name}' is not held by anybody");
            rig.Keep(claim!);
        }

        foreach (string name in (string[])["", "\ud800", new('x', 257), "a\n"])
        {
            _ = await Check.ThrowsAsync<ArgumentException>(() => Task.Run(() => client.Lock(name)), $"a name of {name.Length} characters that is none").ConfigureAwait(false);
        }
    });

    /// <summary>Alone, forty times, and the caller's token ends the work.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WorkUnderALockRunsAloneAndItsTokenEndsWithTheCaller(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        int inside = 0;
        await rig.SoonAsync(
            Task.WhenAll(Enumerable.Range(0, rig.IsPlain ? 40 : 16).Select(i => (i % 2 == 0 ? one : two).Lock().RunAsync(async (claim, cancellationToken) =>
            {
                Check.Equal(1, Interlocked.Increment(ref inside), "how many work under one lock");
                await Task.Yield();
                Check.That(claim.IsHeld && !cancellationToken.IsCancellationRequested, "the lock is held while the work runs");
                Interlocked.Decrement(ref inside);
            }).AsTask())),
            "everybody gets to work").ConfigureAwait(false);

        using var cancel = new CancellationTokenSource();
        var begun = rig.NewHold();
        var run = one.Lock().RunAsync(
            (_, cancellationToken) =>
            {
                begun.SetResult();
                return new(Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken));
            },
            cancel.Token).AsTask();
        await rig.SoonAsync(begun.Task, "the work begins").ConfigureAwait(false);
        await cancel.CancelAsync().ConfigureAwait(false);
        _ = await Check.ThrowsAsync<OperationCanceledException>(() => rig.EventuallyAsync(run, "work that is cancelled ends"), "work that is cancelled").ConfigureAwait(false);
        await rig.QueueBecomesAsync(0).ConfigureAwait(false);
    });
}
