using System.Collections.Concurrent;
using Conclave.Storage;

namespace Conclave.Tests.Claims;

/// <summary>What a lock promises, on every engine.</summary>
public abstract class LockContract : IAsyncDisposable
{
    private readonly List<ConclaveClient> _clients = [];

    /// <summary>A store object of its own over the same data: another process, as far as the engine can tell.</summary>
    private protected abstract IStore Connect();

    private protected HookedStore Hooked() => new(Connect());

    private protected ConclaveClient Client(IStore? store = null, ConclaveOptions? options = null)
    {
        var client = new ConclaveClient(store ?? Connect(), options);
        _clients.Add(client);
        return client;
    }

    public virtual async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            await client.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task One_client_at_a_time_holds_a_lock_and_a_release_lets_the_next_one_in()
    {
        var (one, two) = (Client(), Client());
        var first = await one.Lock("x").AcquireAsync();
        Assert.True(first.IsHeld);
        Assert.Equal(ClaimState.Safe, first.State);
        Assert.InRange(first.SafeTime, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(15));

        Assert.Null(await two.Lock("x").TryAcquireAsync());
        var waiting = two.Lock("x").AcquireAsync().AsTask();
        Assert.NotNull(await two.Lock("y").TryAcquireAsync());
        Assert.False(waiting.IsCompleted);
        Assert.True(await first.ReleaseAsync());

        await using var second = await waiting.InTime();
        Assert.True(second.Token > first.Token);
        Assert.Equal((false, ClaimState.Released, TimeSpan.Zero), (first.IsHeld, first.State, first.SafeTime));
        Assert.Throws<ClaimLostException>(first.ThrowIfLost);
        Assert.False(first.Lost.IsCancellationRequested, "a release is no loss");
        second.ThrowIfLost();
        Assert.NotNull(await two.Lock("far").TryAcquireAsync(TimeSpan.MaxValue));
    }

    [Fact]
    public async Task Tokens_rise_over_release_close_and_reopening()
    {
        long last = 0;
        for (int round = 0; round < 20; round++)
        {
            await using var client = Client();
            for (int i = 0; i < 5; i++)
            {
                var claim = await client.Lock("x").AcquireAsync();
                Assert.True(claim.Token.Value > last);
                last = claim.Token.Value;
                if (i < 4)
                {
                    await claim.DisposeAsync();
                }
            }
        }
    }

    [Fact]
    public async Task Raising_the_epoch_raises_every_later_token()
    {
        var client = Client();
        FencingToken before;
        await using (var claim = await client.Lock("x").AcquireAsync())
        {
            before = claim.Token;
        }

        await client.Store.PutAsync(StoreNames.EpochKey, Bytes.Of("7"));

        await using var after = await client.Lock("x").AcquireAsync();
        Assert.True(after.Token > before);
        Assert.Equal(7, after.Token.Value >> 48);
    }

    [Fact]
    public async Task Uncontended_an_acquire_and_a_release_are_two_commits()
    {
        var store = Hooked();
        var client = Client(store);
        await (await client.Lock("warm").AcquireAsync()).DisposeAsync();
        int before = store.Commits;

        var claim = await client.Lock("x").AcquireAsync();
        Assert.Equal(before + 1, store.Commits);
        await claim.DisposeAsync();

        Assert.Equal(before + 2, store.Commits);
    }

    [Fact]
    public async Task Local_waiters_cost_the_store_nothing_and_are_served_in_order()
    {
        var store = Hooked();
        var client = Client(store);
        var holder = await client.Lock("x").AcquireAsync();
        int before = store.Commits;
        var order = new ConcurrentQueue<int>();
        var waiters = Enumerable.Range(0, 100).Select(async i =>
        {
            await using var claim = await client.Lock("x").AcquireAsync();
            order.Enqueue(i);
            Assert.Single((await store.Inner.CommitAsync(new(reads: [Read.Scan("lock/x/")]))).Reads[0]);
        }).ToArray();
        Assert.Equal(before, store.Commits);

        await holder.DisposeAsync();
        await Task.WhenAll(waiters).InTime();

        Assert.Equal(Enumerable.Range(0, 100), order);
        Assert.Equal(before + 1 + 200, store.Commits);
    }

    [Fact]
    public async Task Clients_are_served_in_the_order_in_which_they_came()
    {
        var holder = await Client().Lock("x").AcquireAsync();
        var order = new ConcurrentQueue<int>();
        var waiters = new List<Task>();
        for (int i = 0; i < 5; i++)
        {
            int me = i;
            var client = Client();
            waiters.Add(Task.Run(async () =>
            {
                await using var claim = await client.Lock("x").AcquireAsync();
                order.Enqueue(me);
            }));
            await Eventually.TrueAsync(async () => (await client.Lock("x").InspectAsync()).Waiters.Length == me + 1);
        }

        await holder.DisposeAsync();
        await Task.WhenAll(waiters).InTime();

        Assert.Equal(Enumerable.Range(0, 5), order);
    }

    [Fact]
    public async Task Only_the_next_in_line_is_woken_by_a_release()
    {
        var holder = await Client().Lock("x").AcquireAsync();
        var stores = Enumerable.Range(0, 6).Select(_ => Hooked()).ToArray();
        var claims = new List<Task<Claim>>();
        foreach (var store in stores)
        {
            claims.Add(Client(store).Lock("x").AcquireAsync().AsTask());
            int expected = claims.Count;
            await Eventually.TrueAsync(async () => (await store.Inner.CommitAsync(new(reads: [Read.Scan("lock/x/")]))).Reads[0].Length == expected + 1);
        }

        await holder.DisposeAsync();
        await (await claims[0].InTime()).DisposeAsync();
        await claims[1].InTime();

        // a session's record, a join, and at most the reading that a longest silence allows; nobody reads for a hand-over that is not theirs
        Assert.All(stores[2..], s => Assert.InRange(s.Commits, 2, 4));
        Assert.All(claims[2..], c => Assert.False(c.IsCompleted));
        await (await claims[1]).DisposeAsync();
        foreach (var claim in claims[2..])
        {
            await (await claim.InTime()).DisposeAsync();
        }
    }

    [Fact]
    public async Task A_timeout_ends_the_wait_and_leaves_nothing_behind()
    {
        var (one, two) = (Client(), Client());
        await using var held = await one.Lock("x").AcquireAsync();

        await Assert.ThrowsAsync<TimeoutException>(async () => await two.Lock("x").AcquireAsync(TimeSpan.FromMilliseconds(50)));
        Assert.Null(await two.Lock("x").TryAcquireAsync(TimeSpan.FromMilliseconds(50)));
        Assert.Null(await one.Lock("x").TryAcquireAsync(TimeSpan.FromMilliseconds(50)));

        Assert.Single((await one.Lock("x").InspectAsync()).Contenders);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await one.Lock("x").TryAcquireAsync(TimeSpan.FromSeconds(-2)));
    }

    [Fact]
    public async Task Cancelling_at_any_moment_leaves_nothing_behind()
    {
        var (one, two) = (Client(), Client());
        var random = new Random(20261121);
        int cancelled = 0;
        int granted = 0;
        for (int i = 0; i < 1000 && (i < 100 || cancelled == 0 || granted == 0); i++)
        {
            var held = await one.Lock("x").AcquireAsync();
            using var cancel = new CancellationTokenSource();
            var waiting = two.Lock("x").AcquireAsync(cancel.Token).AsTask();
            await Task.WhenAll(
                Task.Run(() => Later(random.Next(2000), () => held.DisposeAsync().AsTask())),
                Task.Run(() => Later(random.Next(1 << random.Next(10, 22)), cancel.CancelAsync)));
            try
            {
                await (await waiting.InTime()).DisposeAsync();
                granted++;
            }
            catch (OperationCanceledException)
            {
                cancelled++;
            }

            await Eventually.TrueAsync(async () => (await one.Lock("x").InspectAsync()).Contenders.IsEmpty);
        }

        Assert.True(cancelled > 0 && granted > 0, $"{cancelled} cancelled, {granted} granted");

        static Task Later(int turns, Func<Task> then)
        {
            Thread.SpinWait(turns);
            return then();
        }
    }

    [Fact]
    public async Task Releasing_twice_or_from_many_sides_removes_only_this_claim()
    {
        var client = Client();
        var first = await client.Lock("x").AcquireAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => first.ReleaseAsync().AsTask())));
        Assert.All(answers, Assert.True);

        await using var second = await client.Lock("x").AcquireAsync();
        await first.DisposeAsync();
        Assert.True(await first.ReleaseAsync());
        Assert.True(second.IsHeld);
        Assert.Single((await client.Lock("x").InspectAsync()).Contenders);
    }

    [Fact]
    public async Task Names_that_look_alike_never_meet()
    {
        var client = Client();
        foreach (string name in (string[])["a", "a/b", "a%2Fb", "a-b", "A", "a ", "é", "e\u0301", new('/', 256), "lock/a", "."])
        {
            Assert.NotNull(await client.Lock(name).TryAcquireAsync());
        }

        Assert.Throws<ArgumentException>(() => client.Lock(""));
        Assert.Throws<ArgumentException>(() => client.Lock("\ud800"));
        Assert.Throws<ArgumentException>(() => client.Lock(new string('x', 257)));
    }

    [Fact]
    public async Task Inspecting_tells_who_holds_and_who_waits()
    {
        var one = Client(options: new() { Label = "nightly backup" });
        var two = Client(options: new() { Label = "by hand" });
        Assert.Null((await one.Lock("a/b").InspectAsync()).Holder);
        await using var held = await one.Lock("a/b").AcquireAsync();
        using var cancel = new CancellationTokenSource();
        var waiting = two.Lock("a/b").AcquireAsync(cancel.Token).AsTask();
        await Eventually.TrueAsync(async () => (await two.Lock("a/b").InspectAsync()).Waiters.Length == 1);

        var snapshot = await Client().Lock("a/b").InspectAsync();

        Assert.Equal(held.Token, snapshot.Holder!.Token);
        Assert.Equal("nightly backup", snapshot.Holder.Label);
        Assert.Equal((Environment.MachineName, Environment.ProcessId), (snapshot.Holder.Host, snapshot.Holder.ProcessId!.Value));
        Assert.InRange(snapshot.Holder.Since!.Value, TimeProvider.System.GetUtcNow().AddMinutes(-5), TimeProvider.System.GetUtcNow().AddMinutes(5));
        Assert.Equal("by hand", snapshot.Waiters.Single().Label);
        var listed = new List<string>();
        await foreach (var queue in one.ListLocksAsync())
        {
            listed.Add($"{queue.Name}:{queue.Contenders.Length}");
        }

        Assert.Equal(["a/b:2"], listed);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.InTime());
    }

    [Fact]
    public async Task Disposing_a_client_releases_its_claims_and_tells_who_holds_them()
    {
        var one = Client();
        var held = await one.Lock("x").AcquireAsync();
        var lost = new TaskCompletionSource();
        held.Lost.Register(lost.SetResult);
        var waiting = Client().Lock("x").AcquireAsync().AsTask();

        await one.DisposeAsync();

        await using var next = await waiting.InTime();
        await lost.Task.InTime();
        Assert.Equal((false, ClaimState.Lost), (held.IsHeld, held.State));
        await held.DisposeAsync();
        Assert.True(held.Lost.IsCancellationRequested);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await one.Lock("x").AcquireAsync());
    }

    [Fact]
    public async Task Work_under_a_lock_runs_alone_and_its_token_ends_with_the_caller()
    {
        var (one, two) = (Client(), Client());
        int inside = 0;
        await Task.WhenAll(Enumerable.Range(0, 40).Select(i => (i % 2 == 0 ? one : two).Lock("x").RunAsync(async (claim, cancellationToken) =>
        {
            Assert.Equal(1, Interlocked.Increment(ref inside));
            await Task.Yield();
            Assert.True(claim.IsHeld && !cancellationToken.IsCancellationRequested);
            Interlocked.Decrement(ref inside);
        }).AsTask())).InTime();

        using var cancel = new CancellationTokenSource();
        var run = one.Lock("x").RunAsync((_, cancellationToken) => new(Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken)), cancel.Token).AsTask();
        await Eventually.TrueAsync(async () => (await two.Lock("x").InspectAsync()).Holder is not null);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.InTime());
        Assert.Null((await two.Lock("x").InspectAsync()).Holder);
    }

    [Fact]
    public async Task Random_traffic_never_lets_two_in()
    {
        var clients = Enumerable.Range(0, 4).Select(_ => Client()).ToArray();
        string[] names = ["a", "b"];
        int[] inside = new int[names.Length];
        long[] tokens = new long[names.Length];
        int waits = 0;
        int grants = 0;
        await Task.WhenAll(Enumerable.Range(0, 12).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (int i = 0; i < 40; i++)
            {
                int name = random.Next(names.Length);
                var acquire = clients[worker % clients.Length].Lock(names[name]).AcquireAsync().AsTask();
                Interlocked.Add(ref waits, acquire.IsCompleted ? 0 : 1);
                await using var claim = await acquire;
                Interlocked.Increment(ref grants);
                Assert.Equal(1, Interlocked.Increment(ref inside[name]));
                Assert.True(claim.Token.Value > tokens[name]);
                tokens[name] = claim.Token.Value;
                await Task.Yield();
                Interlocked.Decrement(ref inside[name]);
            }
        }))).InTime();

        Assert.Equal(12 * 40, grants);
        Assert.True(waits >= grants * 3 / 10, $"only {waits} of {grants} grants had to wait");
    }
}
