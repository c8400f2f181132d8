using System.Diagnostics;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Etcd.Tests;

/// <summary>What servers and networks do to a store, and what is still true afterwards.</summary>
[Collection(Alone.Name)]
public sealed class FaultTests
{
    [Fact]
    public async Task A_server_that_is_killed_and_started_again_under_load_loses_no_exclusion()
    {
        await using var cluster = await TestEtcd.StartDurableAsync();
        var clients = Enumerable.Range(0, 3).Select(_ => new ConclaveClient(cluster.Open(), Patient)).ToArray();
        int inside = 0;
        int grants = 0;
        long last = 0;
        using var done = new CancellationTokenSource();
        var workers = Enumerable.Range(0, 6).Select(w => Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                await using var claim = await clients[w % 3].Lock("x").AcquireAsync();
                Assert.Equal(1, Interlocked.Increment(ref inside));
                Assert.True(claim.Token.Value > last);
                last = claim.Token.Value;
                Interlocked.Increment(ref grants);
                await Task.Yield();
                Interlocked.Decrement(ref inside);
            }
        })).ToArray();
        for (int round = 0; round < 3; round++)
        {
            int before = grants;
            await Eventually.TrueAsync(() => grants > before + 20 || workers.Any(w => w.IsFaulted));
            await cluster.Servers[0].RestartAsync();
        }

        int after = grants;
        await Eventually.TrueAsync(() => grants > after + 20 || workers.Any(w => w.IsFaulted));
        await done.CancelAsync();
        await Task.WhenAll(workers).InTime();
        foreach (var client in clients)
        {
            Assert.Empty((await client.Lock("x").InspectAsync()).Contenders);
            await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_connection_that_leads_nowhere_is_left_and_its_watch_with_it()
    {
        await using var cluster = await TestEtcd.StartAsync();
        await using var proxy = new FaultProxy(cluster.Servers[0]);
        await using var store = cluster.Open("nowhere", o => o with { Endpoints = [proxy.Address, .. cluster.Hosts], AnswerTimeout = TimeSpan.FromMilliseconds(500) });
        long revision = await store.PutAsync("x", default);
        await store.WaitForChangeAsync("x", revision - 1).InTime();

        proxy.Drop();
        var watch = Stopwatch.StartNew();
        Assert.NotNull(await store.GetAsync("x"));
        Assert.InRange(watch.Elapsed, TimeSpan.FromMilliseconds(300), TimeSpan.FromSeconds(2));
        watch.Restart();
        Assert.NotNull(await store.GetAsync("x"));
        Assert.True(watch.Elapsed < TimeSpan.FromMilliseconds(450), "it costs once");

        // the watch moved too: a change is heard of long before the longest silence
        await using var other = cluster.Open("nowhere");
        await Eventually.TrueAsync(async () =>
        {
            long before = await other.PutAsync("y", default);
            var wait = store.WaitForChangeAsync("y", before).AsTask();
            await other.PutAsync("y", default);
            await Task.WhenAny(wait, Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System));
            return wait.IsCompleted;
        });
    }

    [Fact]
    public async Task A_commit_whose_answer_is_lost_is_unknown_and_a_lock_finds_out()
    {
        await using var cluster = await TestEtcd.StartAsync();
        await using var proxy = new FaultProxy(cluster.Servers[0]);
        await using var direct = cluster.Open("lost");
        await using var store = cluster.Open("lost", o => o with { Endpoints = [proxy.Address], AnswerTimeout = TimeSpan.FromMilliseconds(500) });
        await store.PutAsync("x", new byte[] { 1 });

        foreach (bool cut in (bool[])[false, true])
        {
            proxy.Drop(Direction.ToClient);
            long before = (await direct.GetAsync("x"))!.Revision;
            var put = store.PutAsync("x", new byte[] { 2 }).AsTask();
            await Eventually.TrueAsync(async () => (await direct.GetAsync("x"))!.Revision > before);
            if (cut)
            {
                proxy.Reset();
            }

            await Assert.ThrowsAsync<OutcomeUnknownException>(() => put.InTime());
            proxy.Restore();
            Assert.NotNull(await store.GetAsync("x"));
        }

        // cancelled while it is under way
        proxy.Drop(Direction.ToClient);
        using var cancel = new CancellationTokenSource();
        long seen = (await direct.GetAsync("x"))!.Revision;
        var cancelled = store.PutAsync("x", default, cancellationToken: cancel.Token).AsTask();
        await Eventually.TrueAsync(async () => (await direct.GetAsync("x"))!.Revision > seen);
        await cancel.CancelAsync();
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => cancelled.InTime());
        proxy.Restore();
        proxy.Reset();

        await using var client = new ConclaveClient(cluster.Open("lost", o => o with { Endpoints = [proxy.Address], AnswerTimeout = TimeSpan.FromMilliseconds(500) }), Patient);
        await (await client.Lock("warm").AcquireAsync()).DisposeAsync();
        proxy.Drop(Direction.ToClient);
        var acquire = client.Lock("a").AcquireAsync().AsTask();
        await Eventually.TrueAsync(async () => (await direct.CommitAsync(new(reads: [Read.Scan("lock/a/")]))).Reads[0].Length == 1);
        proxy.Reset();
        proxy.Restore();
        await using var claim = await acquire.InTime();
        var contender = Assert.Single((await direct.CommitAsync(new(reads: [Read.Scan("lock/a/")]))).Reads[0]);
        Assert.Equal(claim.Token.Value, contender.CreateRevision);
    }

    [Fact]
    public async Task A_watch_on_a_quiet_namespace_keeps_its_connection()
    {
        // etcd hangs up on clients that ping more often than it likes: at the third one at the latest, and we ping every 6 s
        await using var cluster = await TestEtcd.StartAsync();
        await using var proxy = new FaultProxy(cluster.Servers[0]);
        await using var store = cluster.Open("quiet", o => o with { Endpoints = [proxy.Address] });
        long revision = await store.PutAsync("x", default);
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < TimeSpan.FromSeconds(26))
        {
            revision = await store.WaitForChangeAsync("y", revision);
        }

        Assert.Equal(1, proxy.Accepted);
    }

    [Fact]
    public async Task A_dead_first_endpoint_costs_a_moment_once()
    {
        await using var cluster = await TestEtcd.StartAsync();
        await using var silent = new FaultProxy(cluster.Servers[0]);
        silent.Drop();
        await using var refusing = new FaultProxy(cluster.Servers[0]);
        refusing.Refuse();
        foreach (var dead in (StoreHost[])[silent.Address, refusing.Address])
        {
            await using var store = cluster.Open("dead", o => o with { Endpoints = [dead, .. cluster.Hosts] });
            var watch = Stopwatch.StartNew();
            await store.PutAsync("x", default);
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(2), $"the first call took {watch.Elapsed}");
            watch.Restart();
            for (int i = 0; i < 20; i++)
            {
                await store.PutAsync("x", default);
            }

            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(3), $"20 calls took {watch.Elapsed}");
        }
    }

    [Fact]
    public async Task A_write_after_the_connection_was_closed_while_idle_is_repeated_because_nothing_was_sent()
    {
        await using var cluster = await TestEtcd.StartAsync();
        await using var proxy = new FaultProxy(cluster.Servers[0]);
        await using var store = cluster.Open("idle", o => o with { Endpoints = [proxy.Address] });
        for (int i = 0; i < 10; i++)
        {
            await store.PutAsync("x", default);
            proxy.Close();
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        }

        Assert.Equal(10, proxy.Accepted);
    }

    [Fact]
    public async Task Another_cluster_behind_the_same_address_is_refused_before_it_is_written_to()
    {
        await using var first = await TestEtcd.StartAsync();
        await using var second = await TestEtcd.StartAsync();
        await using var proxy = new FaultProxy(first.Servers[0]);
        await using var store = first.Open("swap", o => o with { Endpoints = [proxy.Address] });
        await store.PutAsync("x", default);

        proxy.Target = (second.Servers[0].Host, second.Servers[0].Port);
        proxy.Reset();

        Exception? error = null;
        await Eventually.TrueAsync(async () =>
        {
            // a write on the connection that is just breaking is unknown
            error = await Record.ExceptionAsync(async () => await store.PutAsync("x", default));
            return error is not (OutcomeUnknownException or StoreUnavailableException);
        });
        Assert.Contains("belongs to the cluster", Assert.IsType<StoreConfigurationException>(error).Message, StringComparison.Ordinal);
        await using var other = second.Open("swap");
        Assert.Null(await other.GetAsync("x"));
    }

    internal static ConclaveOptions Patient => new() { OperationTimeout = TimeSpan.FromSeconds(25) };
}
