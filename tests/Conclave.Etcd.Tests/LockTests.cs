using System.Diagnostics;
using System.Text;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Etcd.Tests;

/// <summary>Locks over etcd, beside those of etcd's own tools.</summary>
[Collection(Alone.Name)]
public sealed class LockTests(OneEtcd fixture) : IClassFixture<OneEtcd>
{
    [Fact]
    public async Task Random_traffic_never_lets_two_in_and_tokens_rise()
    {
        var cluster = await fixture.GetAsync();
        var clients = Enumerable.Range(0, 4).Select(_ => new ConclaveClient(cluster.Open("traffic"))).ToArray();
        int inside = 0;
        long last = 0;
        await Task.WhenAll(Enumerable.Range(0, 12).Select(worker => Task.Run(async () =>
        {
            for (int i = 0; i < 25; i++)
            {
                await using var claim = await clients[worker % clients.Length].Lock("x").AcquireAsync();
                Assert.Equal(1, Interlocked.Increment(ref inside));
                Assert.True(claim.Token.Value > last);
                last = claim.Token.Value;
                await Task.Yield();
                Interlocked.Decrement(ref inside);
            }
        }))).InTime();
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_hand_over_between_clients_takes_milliseconds()
    {
        var cluster = await fixture.GetAsync();
        await using var one = new ConclaveClient(cluster.Open("hand-over"));
        await using var two = new ConclaveClient(cluster.Open("hand-over"));
        var times = new List<double>();
        var claim = await one.Lock("x").AcquireAsync();
        for (int i = 0; i < 40; i++)
        {
            var waiting = (i % 2 == 0 ? two : one).Lock("x").AcquireAsync().AsTask();
            await Eventually.TrueAsync(async () => (await one.Lock("x").InspectAsync()).Waiters.Length == 1);
            var watch = Stopwatch.StartNew();
            await claim.DisposeAsync();
            claim = await waiting.InTime();
            times.Add(watch.Elapsed.TotalMilliseconds);
        }

        await claim.DisposeAsync();
        times.Sort();
        TestContext.Current.TestOutputHelper!.WriteLine($"hand-over: p50 {times[20]:F1} ms, p95 {times[38]:F1} ms");

        // a watch of its own for each waiter would take up to 100 ms
        Assert.True(times[20] < 50, $"{times[20]} ms");
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("a/b")]
    [InlineData("a%2Fb")]
    public async Task Etcdctl_waits_for_our_lock_and_we_wait_for_its(string name)
    {
        var cluster = await fixture.GetAsync();
        await using var conclave = new ConclaveClient(cluster.Open("mixed"));
        string path = $"mixed/lock/{StoreNames.Escape(name)}";

        var ours = await conclave.Lock(name).AcquireAsync();
        await using var etcdctl = await cluster.Servers[0].StartEtcdctlAsync("lock", path);
        await Eventually.TrueAsync(async () => (await conclave.Lock(name).InspectAsync()).Waiters.Length == 1);
        Assert.True(ours.IsHeld);
        await ours.DisposeAsync();
        string? key = await etcdctl.ReadLineAsync().InTime();
        Assert.StartsWith(path + "/", key, StringComparison.Ordinal);

        var holder = (await conclave.Lock(name).InspectAsync()).Holder;
        Assert.NotNull(holder);
        Assert.Null(await conclave.Lock(name).TryAcquireAsync());
        var waiting = conclave.Lock(name).AcquireAsync().AsTask();
        await Eventually.TrueAsync(async () => (await conclave.Lock(name).InspectAsync()).Waiters.Length == 1);
        Assert.False(waiting.IsCompleted);
        etcdctl.Interrupt();

        await using var again = await waiting.InTime();
        Assert.True(again.Token > ours.Token);
    }

    [Fact]
    public async Task An_election_of_etcdctl_takes_part_in_our_queue()
    {
        var cluster = await fixture.GetAsync();
        await using var conclave = new ConclaveClient(cluster.Open("mixed"));
        var ours = await conclave.Lock("leader").AcquireAsync();
        await using var etcdctl = await cluster.Servers[0].StartEtcdctlAsync("elect", "mixed/lock/leader", "candidate one");
        await Eventually.TrueAsync(async () => (await conclave.Lock("leader").InspectAsync()).Waiters.Length == 1);

        await ours.DisposeAsync();
        Assert.StartsWith("mixed/lock/leader/", await etcdctl.ReadLineAsync().InTime(), StringComparison.Ordinal);
        Assert.Null(await conclave.Lock("leader").TryAcquireAsync());
        etcdctl.Interrupt();

        await using var again = await conclave.Lock("leader").AcquireAsync().InTime();
        Assert.True(again.IsHeld);
    }

    [Fact]
    public async Task A_foreign_entry_shows_its_lease_as_session_and_our_own_keys_are_not_seen()
    {
        var cluster = await fixture.GetAsync();
        await using var store = cluster.Open("foreign");
        string lease = (await cluster.CtlAsync("lease", "grant", "100")).Split(' ')[1];
        await cluster.CtlAsync("put", "--lease", lease, "foreign/x", "1");

        Assert.Equal(new SessionId(lease.TrimStart('0')), (await store.GetAsync("x"))!.Session);
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(30))).Id;
        await store.PutAsync("x", Encoding.UTF8.GetBytes("2"), session);
        Assert.Equal(["x"], (await store.CommitAsync(new(reads: [Read.Scan("")]))).Reads[0].Select(e => e.Key));
        string inEtcd = await cluster.CtlAsync("get", "foreign/", "--prefix", "--keys-only");
        Assert.Contains("conclave/format", inEtcd, StringComparison.Ordinal);
        Assert.Contains($"conclave/alive/{session}", inEtcd, StringComparison.Ordinal);
        Assert.True(await store.RenewSessionAsync(new(lease.TrimStart('0'))));
        Assert.False(await store.RenewSessionAsync(new("0" + lease)));
        Assert.False(await store.RenewSessionAsync(new("nonsense")));
        await Assert.ThrowsAsync<SessionExpiredException>(async () => await store.PutAsync("y", default, new SessionId("nonsense")));
    }

    [Fact]
    public async Task Two_namespaces_of_a_cluster_do_not_meet()
    {
        var cluster = await fixture.GetAsync();
        await using var one = new ConclaveClient(cluster.Open("space"));
        await using var two = new ConclaveClient(cluster.Open("space2"));

        await using var first = await one.Lock("x").AcquireAsync();
        await using var second = await two.Lock("x").TryAcquireAsync();

        Assert.NotNull(second);
    }

    [Fact]
    public async Task A_newer_format_is_refused_and_a_damaged_one_too()
    {
        var cluster = await fixture.GetAsync();
        foreach (var (value, words) in new[] { ("2", "newer Conclave"), ("one", "damaged") })
        {
            await using (var store = cluster.Open("format" + value))
            {
                await store.PutAsync("x", default);
            }

            // a NUL cannot be an argument of a program
            await using (var raw = new GrpcWire(cluster.Hosts[0], new() { Endpoints = cluster.Hosts }, TimeProvider.System))
            {
                var put = new Messages.TxnRequest
                {
                    Success = { new Messages.RequestOp { Put = new() { Key = new EtcdKeys("format" + value).Format, Value = Google.Protobuf.ByteString.CopyFromUtf8(value) } } },
                };
                await raw.CallAsync(EtcdApi.Txn, put, new(TimeSpan.FromSeconds(3), IsHandshake: true), CancellationToken.None);
            }

            await using var refused = cluster.Open("format" + value);
            var error = await Assert.ThrowsAsync<StoreFormatException>(async () => await refused.GetAsync("x"));
            Assert.Contains(words, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_wait_survives_a_compaction()
    {
        var cluster = await fixture.GetAsync();
        await using var store = cluster.Open("compact");
        long revision = await store.PutAsync("x", default);
        _ = await store.WaitForChangeAsync("x", revision - 1).InTime();
        var wait = store.WaitForChangeAsync("y", revision).AsTask();
        for (int i = 0; i < 20; i++)
        {
            revision = await store.PutAsync("x", default);
        }

        Assert.Contains("compacted", await cluster.CtlAsync("compact", $"{revision}"), StringComparison.Ordinal);
        await store.PutAsync("y", default);

        var watch = Stopwatch.StartNew();
        while ((await store.GetAsync("y")) is null)
        {
            await wait.InTime();
        }

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(2));
        Assert.True(await wait.InTime() > 0);
        Assert.True(await store.WaitForChangeAsync("y", 1).InTime() > 1, "a revision that is compacted is answered at once");
    }

    [Fact]
    public async Task The_end_of_a_session_with_thousands_of_entries_is_one_change_that_wakes()
    {
        var cluster = await fixture.GetAsync();
        await using var store = cluster.Open("many");
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(60))).Id;
        foreach (int[] chunk in Enumerable.Range(0, 5000).Chunk(50))
        {
            await store.CommitAsync(new(writes: [.. chunk.Select(i => Write.Put($"m/{i}", new byte[100], session))]));
        }

        var all = await store.CommitAsync(new(reads: [Read.Scan("m/")]));
        Assert.Equal(5000, all.Reads[0].Length);
        var wait = store.WaitForChangeAsync("m/4999", all.Revision).AsTask();
        await store.CloseSessionAsync(session);
        await wait.InTime();
        Assert.Empty((await store.CommitAsync(new(reads: [Read.Scan("m/")]))).Reads[0]);
    }

    [Fact]
    public async Task Thousands_of_commits_at_once_are_all_answered()
    {
        var cluster = await fixture.GetAsync();
        await using var store = cluster.Open("crowd");
        var commits = Enumerable.Range(0, 3000).Select(i => store.PutAsync($"c/{i}", default).AsTask()).ToArray();
        long[] revisions = await Task.WhenAll(commits).InTime();
        Assert.Equal(3000, revisions.Distinct().Count());
    }

    [Fact]
    public async Task Nothing_outlives_the_store()
    {
        var cluster = await fixture.GetAsync();
        int before = Sockets();
        for (int i = 0; i < 5; i++)
        {
            var store = cluster.Open("leaks");
            long revision = await store.PutAsync("x", default);
            var waits = Enumerable.Range(0, 10).Select(w => store.WaitForChangeAsync($"w{w}", revision).AsTask()).ToArray();
            var commits = Enumerable.Range(0, 20).Select(_ => store.PutAsync("x", default).AsTask()).ToArray();
            await store.DisposeAsync().AsTask().InTime();
            foreach (var task in waits.Concat(commits))
            {
                await Record.ExceptionAsync(() => task).InTime();
                Assert.True(task.IsCompletedSuccessfully || task.Exception?.InnerException is ObjectDisposedException or ConclaveException, $"{task.Exception}");
            }

            await Assert.ThrowsAsync<ObjectDisposedException>(async () => await store.GetAsync("x"));
        }

        await Eventually.TrueAsync(() => Sockets() <= before);

        int Sockets() => File.ReadLines("/proc/self/net/tcp")
            .Count(l => l.Contains($"0100007F:{cluster.Servers[0].Port:X4} 01", StringComparison.Ordinal));
    }
}
