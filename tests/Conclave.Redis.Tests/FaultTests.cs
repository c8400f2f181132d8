using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Conclave.Storage;

namespace Conclave.Redis.Tests;

/// <summary>What goes wrong between us and the server, and what callers are told.</summary>
public sealed class FaultTests
{
    [Fact]
    public async Task Killing_subscriptions_delays_no_waiter_and_killing_connections_loses_no_commit()
    {
        await using var server = await RedisServer.StartAsync();
        await using var store = server.Store();
        await using var other = server.Store();
        long revision = await Eventually.AnswerAsync(() => other.PutAsync("x", default));
        _ = await store.WaitForChangeAsync("x", revision - 1).InTime();
        for (int i = 0; i < 10; i++)
        {
            var wait = store.WaitForChangeAsync("x", revision).AsTask();
            await server.DoAsync("CLIENT", "KILL", "TYPE", "pubsub");
            long next = await Eventually.AnswerAsync(() => other.PutAsync("x", default));
            var watch = Stopwatch.StartNew();
            while (await wait.InTime() < next)
            {
                wait = store.WaitForChangeAsync("x", revision).AsTask();
            }

            Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(3));
            revision = next;
            await server.DoAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
            Assert.NotNull(await store.GetAsync("x"));
        }
    }

    [Fact]
    public async Task Connections_that_are_killed_under_load_tell_the_truth_about_every_commit()
    {
        await using var server = await RedisServer.StartAsync();
        await using var store = server.Store();
        _ = await Eventually.AnswerAsync(() => store.PutAsync("warm", default));
        using var stop = new CancellationTokenSource();
        var known = new System.Collections.Concurrent.ConcurrentBag<string>();
        var refused = new System.Collections.Concurrent.ConcurrentBag<string>();
        int unknown = 0;
        var writers = Enumerable.Range(0, 16).Select(w => Task.Run(async () =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i++)
            {
                string key = $"k/{w}-{i}";
                try
                {
                    await store.PutAsync(key, default);
                    known.Add(key);
                }
                catch (StoreUnavailableException)
                {
                    refused.Add(key);
                }
                catch (OutcomeUnknownException)
                {
                    Interlocked.Increment(ref unknown);
                }
            }
        })).ToArray();
        for (int i = 0; i < 20; i++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            await server.DoAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        }

        await stop.CancelAsync();
        await Task.WhenAll(writers).InTime();

        var there = (await store.CommitAsync(new(reads: [Read.Scan("k/")]))).Reads[0].Select(e => e.Key).ToHashSet();
        Assert.True(unknown > 0, "the run is strong enough: commits were under way");
        Assert.All(known, key => Assert.Contains(key, there));
        Assert.All(refused, key => Assert.DoesNotContain(key, there));
        Assert.InRange(there.Count, known.Count, known.Count + unknown);
    }

    [Fact]
    public async Task Scripts_that_the_server_forgot_are_taught_again()
    {
        await using var server = await RedisServer.StartAsync();
        await using var store = server.Store();
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(10))).Id;
        for (int i = 0; i < 5; i++)
        {
            await server.DoAsync("SCRIPT", "FLUSH");
            await Task.WhenAll(Enumerable.Range(0, 16).Select(k => store.PutAsync($"k{k}", default).AsTask()));
            await server.DoAsync("SCRIPT", "FLUSH");
            Assert.True(await store.RenewSessionAsync(session));
        }
    }

    [Fact]
    public async Task A_commit_whose_answer_is_lost_is_unknown_and_a_read_is_not()
    {
        await using var server = await RedisServer.StartAsync();
        await using var proxy = new FaultProxy(new("127.0.0.1", server.Port));
        await using var store = server.Store(change: o => o with { Hosts = [proxy.Host], CommandTimeout = TimeSpan.FromMilliseconds(500), ConnectTimeout = TimeSpan.FromMilliseconds(500) });
        _ = await Eventually.AnswerAsync(() => store.PutAsync("warm", default));
        proxy.Traffic = Traffic.LoseAnswers;

        await Assert.ThrowsAsync<OutcomeUnknownException>(async () => await store.PutAsync("x", default));

        await using var direct = server.Store();
        Assert.NotNull(await direct.GetAsync("x"));
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.GetAsync("x"));
        proxy.Traffic = Traffic.Vanish;
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.PutAsync("y", default));
        proxy.Traffic = Traffic.Pass;
        proxy.Cut();
        await Eventually.AnswerAsync(() => store.PutAsync("z", default));
        Assert.Null(await direct.GetAsync("y"));
    }

    [Fact]
    public async Task A_black_hole_is_noticed_and_renewals_are_never_unknown()
    {
        await using var server = await RedisServer.StartAsync();
        await using var proxy = new FaultProxy(new("127.0.0.1", server.Port));
        await using var store = server.Store(change: o => o with { Hosts = [proxy.Host], CommandTimeout = TimeSpan.FromMilliseconds(300), ConnectTimeout = TimeSpan.FromMilliseconds(300) });
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(10))).Id;
        long revision = (await store.CommitAsync(new())).Revision;
        var waiting = store.WaitForChangeAsync("x", revision).AsTask();
        proxy.Traffic = Traffic.Vanish;

        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.RenewSessionAsync(session));
        await Assert.ThrowsAsync<OutcomeUnknownException>(async () =>
        {
            // the first goes into the connection that nobody knows to be dead, unless the renewal has found out already
            proxy.Traffic = Traffic.Pass;
            _ = await Eventually.AnswerAsync(() => store.GetAsync("x"));
            proxy.Traffic = Traffic.Vanish;
            await store.PutAsync("x", default);
        });
        proxy.Traffic = Traffic.Pass;
        await using var direct = server.Store();
        await direct.PutAsync("x", default);
        Assert.True(await waiting.InTime() >= revision);
        Assert.True(await Eventually.AnswerAsync(() => store.RenewSessionAsync(session)));
    }

    [Fact]
    public async Task Credentials_are_checked_and_never_told()
    {
        await using var server = await RedisServer.StartAsync();
        await server.DoAsync("ACL", "SETUSER", "app", "on", ">s3cret-word", "~conclave:*", "&conclave:*", "+@all");
        await server.DoAsync("ACL", "SETUSER", "reader", "on", ">s3cret-word", "~conclave:*", "&conclave:*", "+@all", "-hset");
        await server.DoAsync("ACL", "SETUSER", "deaf", "on", ">s3cret-word", "~conclave:*", "resetchannels", "+@all");
        await server.DoAsync("ACL", "SETUSER", "elsewhere", "on", ">s3cret-word", "~other:*", "&conclave:*", "+@all");
        await using (var good = server.Store(change: o => o with { User = "app", Password = "s3cret-word" }))
        {
            await good.PutAsync("x", default);
        }

        foreach (var (user, password) in ((string, string)[])[("app", "s3cret-wrong"), ("reader", "s3cret-word"), ("deaf", "s3cret-word"), ("elsewhere", "s3cret-word")])
        {
            await using var bad = server.Store(change: o => o with { User = user, Password = password });
            var refused = await Assert.ThrowsAsync<StoreAccessException>(async () => await bad.PutAsync("x", default));
            Assert.DoesNotContain("s3cret", refused.ToString(), StringComparison.Ordinal);
            Assert.DoesNotContain("s3cret", bad.Description.ToString(), StringComparison.Ordinal);
        }

        await server.DoAsync("ACL", "SETUSER", "default", "resetpass", ">other");
        await using var nobody = server.Store();
        await Assert.ThrowsAsync<StoreAccessException>(async () => await nobody.GetAsync("x"));
    }

    [Fact]
    public async Task What_is_no_usable_server_is_named()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var foreign = Task.Run(async () =>
        {
            using var client = await listener.AcceptTcpClientAsync();
            await client.GetStream().WriteAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray());
            _ = await client.GetStream().ReadAsync(new byte[1000]);
        });
        await using (var wrong = new RedisStore(new() { Hosts = [new("127.0.0.1", port)] }))
        {
            await Assert.ThrowsAsync<StoreConfigurationException>(async () => await wrong.GetAsync("x"));
        }

        await foreign;
        listener.Stop();
        await using (var absent = new RedisStore(new() { Hosts = [new("127.0.0.1", port)] }))
        {
            await Assert.ThrowsAsync<StoreUnavailableException>(async () => await absent.PutAsync("x", default));
        }

        await using var master = await RedisServer.StartAsync(arguments: ["--repl-diskless-sync-delay", "0"]);
        await using var replica = await master.StartReplicaAsync();
        await using (var onReplica = replica.Store())
        {
            await Assert.ThrowsAsync<StoreConfigurationException>(async () => await onReplica.GetAsync("x"));
        }

        await using var both = new RedisStore(master.Options() with { Hosts = [new("127.0.0.1", replica.Port), new("127.0.0.1", master.Port)] });
        await both.PutAsync("x", default);

        await master.DoAsync("CONFIG", "SET", "maxmemory", "50mb", "maxmemory-policy", "allkeys-lru");
        await using (var evicting = master.Store())
        {
            var refused = await Assert.ThrowsAsync<StoreConfigurationException>(async () => await evicting.GetAsync("x"));
            Assert.Contains("allowEviction", refused.Message, StringComparison.Ordinal);
        }

        await using var allowed = master.Store(change: o => o with { AllowEviction = true });
        Assert.NotNull(await allowed.GetAsync("x"));
        var tooLong = await Assert.ThrowsAsync<StoreConfigurationException>(async () => await allowed.OpenSessionAsync(TimeSpan.FromSeconds(31)));
        Assert.Contains("LongestTimeToLive", tooLong.Message, StringComparison.Ordinal);
        await using var cluster = await RedisServer.StartAsync(arguments: ["--cluster-enabled", "yes"]);
        await using var onCluster = cluster.Store();
        await Assert.ThrowsAsync<StoreConfigurationException>(async () => await onCluster.GetAsync("x"));
    }

    [Fact]
    public async Task Memory_that_is_full_refuses_puts_and_nothing_else()
    {
        await using var server = await RedisServer.StartAsync();
        await using var store = server.Store();
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(10))).Id;
        await store.PutAsync("x", default, session);
        await server.DoAsync("CONFIG", "SET", "maxmemory", "1mb");

        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.PutAsync("y", new byte[1000]));

        Assert.NotNull(await store.GetAsync("x"));
        Assert.True(await store.RenewSessionAsync(session));
        await store.DeleteAsync("x");
        await store.CloseSessionAsync(session);
    }

    [Fact]
    public async Task A_demoted_master_is_left_and_answers_no_reads()
    {
        await using var one = await RedisServer.StartAsync(arguments: ["--repl-diskless-sync-delay", "0"]);
        await using var two = await one.StartReplicaAsync();
        await using var store = one.Store(change: o => o with { Hosts = [new("127.0.0.1", one.Port), new("127.0.0.1", two.Port)] });
        await store.PutAsync("x", default);
        await Eventually.TrueAsync(async () => await two.DoAsync("HEXISTS", "conclave:{test}:entries", "x") == "1");
        await two.DoAsync("REPLICAOF", "NO", "ONE");
        await one.DoAsync("REPLICAOF", "127.0.0.1", $"{two.Port}");

        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.GetAsync("x"));
        Assert.NotNull(await store.GetAsync("x"));
        await Eventually.AnswerAsync(() => store.PutAsync("y", default));
        Assert.Equal("1", await two.DoAsync("HEXISTS", "conclave:{test}:entries", "y"));
    }

    [Fact]
    public async Task Replicas_that_do_not_confirm_leave_the_outcome_unknown()
    {
        await using var master = await RedisServer.StartAsync(arguments: ["--repl-diskless-sync-delay", "0"]);
        await using var replica = await master.StartReplicaAsync();
        await using var store = master.Store(change: o => o with { WaitReplicas = 1 });
        await store.PutAsync("x", default);
        replica.Stop();
        await Assert.ThrowsAsync<OutcomeUnknownException>(async () => await store.PutAsync("x", default));
        replica.Continue();
        await Eventually.AnswerAsync(() => store.PutAsync("x", default));
    }

    [Fact]
    public async Task Foreign_and_newer_namespaces_are_left_alone()
    {
        await using var server = await RedisServer.StartAsync();
        await server.DoAsync("SET", "conclave:{foreign}:meta", "x");
        await server.DoAsync("HSET", "conclave:{newer}:meta", "format", "2", "life", "l", "rev", "1", "beat", "1");
        await server.DoAsync("HSET", "conclave:{headless}:entries", "k", "v");
        foreach (string name in (string[])["foreign", "newer", "headless"])
        {
            await using var store = server.Store(name);
            await Assert.ThrowsAsync<StoreFormatException>(async () => await store.PutAsync("x", default));
        }

        Assert.Equal("3", await server.DoAsync("DBSIZE"));
    }

    [Fact]
    public async Task Nothing_is_left_after_dispose()
    {
        await using var server = await RedisServer.StartAsync();
        var unobserved = new List<Exception>();
        void Note(object? sender, UnobservedTaskExceptionEventArgs e) => unobserved.Add(e.Exception);
        TaskScheduler.UnobservedTaskException += Note;
        for (int i = 0; i < 20; i++)
        {
            var store = server.Store();
            _ = await store.OpenSessionAsync(TimeSpan.FromSeconds(10));
            var wait = store.WaitForChangeAsync("quiet", long.MaxValue / 2).AsTask();
            var commits = Enumerable.Range(0, 10).Select(k => store.PutAsync($"k{k}", default).AsTask()).ToArray();
            if (i % 2 == 0)
            {
                await Task.WhenAll(commits);
            }

            await store.DisposeAsync().AsTask().InTime();
            await wait.ContinueWith(t => _ = t.Exception, TaskScheduler.Default).InTime();
            await Assert.ThrowsAsync<ObjectDisposedException>(async () => await store.WaitForChangeAsync("quiet", 0));
            await Task.WhenAll(commits).ContinueWith(t => _ = t.Exception, TaskScheduler.Default).InTime();
        }

        await Eventually.TrueAsync(async () => (await server.DoAsync("CLIENT", "LIST")).Split("id=").Length == 2, "only the operator is connected");
        GC.Collect();
        GC.WaitForPendingFinalizers();
        TaskScheduler.UnobservedTaskException -= Note;
        Assert.DoesNotContain(unobserved, e => e.ToString().Contains("Conclave.Redis", StringComparison.Ordinal));
        Assert.Equal("0", await server.DoAsync("ZCARD", "conclave:{test}:beats"));
    }
}
