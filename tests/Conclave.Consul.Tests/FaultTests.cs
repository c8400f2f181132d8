using System.Diagnostics;
using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Consul.Tests;

/// <summary>What servers and networks do to a store, and what is still true afterwards.</summary>
public sealed class FaultTests
{
    internal static readonly ConclaveOptions Patient = new() { OperationTimeout = TimeSpan.FromSeconds(30), SessionTimeToLive = TimeSpan.FromSeconds(10) };

    [Fact]
    public async Task An_agent_that_is_killed_and_started_again_under_load_loses_no_exclusion()
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Default);
        var clients = Enumerable.Range(0, 3).Select(_ => new ConclaveClient(server.Open("test"), Patient)).ToArray();
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
        for (int round = 0; round < 2; round++)
        {
            int before = grants;
            await Eventually.TrueAsync(() => grants > before + 20 || workers.Any(w => w.IsFaulted));
            await server.RestartAsync();
        }

        int after = grants;
        await Eventually.TrueAsync(() => grants > after + 20 || workers.Any(w => w.IsFaulted));
        await done.CancelAsync();
        await Task.WhenAll(workers).InTime();
        Assert.Empty((await clients[0].Lock("x").InspectAsync()).Contenders);
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    /// <summary>.NET asks a connection where it leads as soon as it is made; one that was reset by then answers with an exception that is none of HTTP.</summary>
    [Fact]
    public async Task A_connection_that_is_reset_as_soon_as_it_is_made_is_a_failure_like_others()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var over = new CancellationTokenSource();
        var resetting = Task.Run(async () =>
        {
            while (true)
            {
                using var socket = await listener.AcceptSocketAsync(over.Token);
                socket.LingerState = new(enable: true, 0);
            }
        });
        using var agent = new HttpAgent(new("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port), new() { Agents = [new("127.0.0.1", null)] }, TimeProvider.System);
        await Parallel.ForEachAsync(Enumerable.Range(0, 500), TestContext.Current.CancellationToken, async (_, cancellation) =>
        {
            var failure = await Assert.ThrowsAsync<AgentException>(
                async () => await agent.CallAsync(new(HttpMethod.Get, "/v1/kv/x", default, TimeSpan.FromSeconds(20)), cancellation));
            Assert.True(failure.Failure is AgentFailure.Unreachable or AgentFailure.Interrupted, failure.Message);
        });
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => resetting);
    }

    [Fact]
    public async Task A_connection_that_leads_nowhere_is_left_and_its_queries_with_it()
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Short);
        await using var proxy = new FaultProxy(server);
        await using var store = server.Open("test", o => o with
        {
            Agents = [new(proxy.Host, proxy.Port), .. o.Agents],
            AnswerTimeout = TimeSpan.FromMilliseconds(500),
        });
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(5))).Id;
        long revision = await store.PutAsync("x", default);
        var wait = store.WaitForChangeAsync("x", revision).AsTask();

        proxy.Drop();
        Assert.True(await store.RenewSessionAsync(session).AsTask().InTime());
        var watch = Stopwatch.StartNew();
        Assert.NotNull(await store.GetAsync("x"));
        Assert.NotNull(await store.GetAsync("x"));
        Assert.True(watch.Elapsed < TimeSpan.FromMilliseconds(450), $"two reads took {watch.Elapsed}: who was left is asked no more");
        await wait.WaitAsync(store.Description.MaxSilence + TimeSpan.FromSeconds(2));

        // a new query goes to who answers
        revision = (await store.GetAsync("x"))!.Revision;
        await Eventually.TrueAsync(async () =>
        {
            var change = store.WaitForChangeAsync("x", revision).AsTask();
            revision = await store.PutAsync("x", default);
            await Task.WhenAny(change, Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System));
            return change.IsCompleted;
        });
    }

    [Theory]
    [InlineData("silence")]
    [InlineData("reset")]
    [InlineData("cancelled")]
    public async Task A_commit_whose_answer_is_lost_is_unknown(string how)
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Short);
        await using var proxy = new FaultProxy(server);
        await using var direct = server.Open("test");
        await using var store = server.Open("test", o => o with { Agents = [new(proxy.Host, proxy.Port)], AnswerTimeout = TimeSpan.FromSeconds(how == "silence" ? 2 : 20) });
        long before = await store.PutAsync("x", new byte[] { 1 });

        proxy.Drop(Direction.ToClient);
        using var cancel = new CancellationTokenSource();
        var put = store.PutAsync("x", new byte[] { 2 }, cancellationToken: cancel.Token).AsTask();
        await Eventually.TrueAsync(async () => (await direct.GetAsync("x"))!.Revision > before);
        if (how == "reset")
        {
            proxy.Reset();
        }
        else if (how == "cancelled")
        {
            await cancel.CancelAsync();
        }

        await Assert.ThrowsAsync<OutcomeUnknownException>(() => put.InTime());
        proxy.Restore();
        Assert.Equal(2, (await store.GetAsync("x"))!.Value.Span[0]);
    }

    [Fact]
    public async Task More_prefixes_than_queries_take_turns()
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Short);
        await using var store = server.Open("test");
        int count = PrefixWatches.MaxQueries * 3;
        long[] revisions = await Task.WhenAll(Enumerable.Range(0, count).Select(i => store.PutAsync($"w/{i:D3}/x", default).AsTask()));
        var waits = revisions.Select((r, i) => Task.Run(async () =>
        {
            long after = r;
            while (await store.GetAsync($"w/{i:D3}/x") is not null)
            {
                after = await store.WaitForChangeAsync($"w/{i:D3}/", after);
            }
        })).ToArray();
        await Task.WhenAll(Enumerable.Range(0, count).Select(i => store.DeleteAsync($"w/{i:D3}/x").AsTask()));
        await Task.WhenAll(waits).InTime();
    }
}
