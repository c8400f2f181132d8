using System.Diagnostics;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Etcd.Tests;

/// <summary>What a cluster goes through: leaders that stop, and quorums that are lost.</summary>
public sealed class QuorumTests
{
    private static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(4);

    [Theory]
    [InlineData("3.5")]
    [InlineData("3.4")]
    public async Task A_leader_that_is_stopped_costs_no_claim_and_little_time(string version)
    {
        await using var cluster = await TestEtcd.StartAsync(version, 3);
        var leader = await cluster.LeaderAsync();

        // one client begins at the leader, the others at followers that pass everything on to it
        var clients = cluster.Servers.Select(m => new ConclaveClient(
            cluster.Open("test", o => o with { Endpoints = cluster.HostsFrom(m) }),
            FaultTests.Patient with { SessionTimeToLive = TimeSpan.FromSeconds(6) })).ToArray();
        var claims = new List<Claim>();
        foreach (var client in clients)
        {
            claims.Add(await client.Lock($"x{claims.Count}").AcquireAsync());
        }

        leader.Stop();
        var watch = Stopwatch.StartNew();
        try
        {
            await Task.WhenAll(clients.Select(async (client, i) =>
            {
                await using var claim = await client.Lock($"y{i}").AcquireAsync();
                Assert.True(claim.IsHeld);
            })).InTime();
            TestContext.Current.TestOutputHelper!.WriteLine($"{version}: locks again after {watch.Elapsed.TotalSeconds:F2} s");

            // two times to live: whoever did not renew by another way has lost its claim by then
            while (watch.Elapsed < TimeSpan.FromSeconds(12))
            {
                Assert.All(claims, c => Assert.True(c.IsHeld, $"{watch.Elapsed} {c.State}"));
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
            }
        }
        finally
        {
            leader.Continue();
        }

        Assert.All(claims, c => Assert.False(c.Lost.IsCancellationRequested));
        foreach (var client in clients)
        {
            await client.DisposeAsync().AsTask().InTime();
        }
    }

    [Fact]
    public async Task Without_a_quorum_nothing_is_answered_and_with_it_everything_goes_on()
    {
        await using var cluster = await TestEtcd.StartAsync(size: 3);
        await using var store = cluster.Open("quorum", o => o with { AnswerTimeout = TimeSpan.FromSeconds(1) });
        await using var client = new ConclaveClient(cluster.Open("quorum"), FaultTests.Patient);
        await store.PutAsync("x", default);
        var held = await client.Lock("a").AcquireAsync();
        var waiting = new ConclaveClient(cluster.Open("quorum"), FaultTests.Patient);
        var next = waiting.Lock("a").AcquireAsync().AsTask();
        await Eventually.TrueAsync(async () => (await client.Lock("a").InspectAsync()).Waiters.Length == 1);

        // the member that stays must not answer from what it knows: it cannot know what the others agreed on
        cluster.Servers[1].Stop();
        cluster.Servers[2].Stop();
        foreach (var host in cluster.Hosts)
        {
            await using var alone = cluster.Open("quorum", o => o with { Endpoints = [host], AnswerTimeout = TimeSpan.FromSeconds(1), ConnectTimeout = TimeSpan.FromSeconds(1) });
            await Assert.ThrowsAsync<StoreUnavailableException>(async () => await alone.GetAsync("x"));
            await Assert.ThrowsAsync<StoreUnavailableException>(async () => await alone.CommitAsync(new()));
        }

        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.GetAsync("x"));
        var write = await Record.ExceptionAsync(async () => await store.PutAsync("x", default));
        Assert.True(write is OutcomeUnknownException or StoreUnavailableException, $"{write}");
        Assert.False(next.IsCompleted);

        cluster.Servers[1].Continue();
        cluster.Servers[2].Continue();
        await Eventually.TrueAsync(async () => await Record.ExceptionAsync(async () => await store.GetAsync("x")) is null);
        await held.DisposeAsync();
        await using (var second = await next.InTime())
        {
            Assert.True(second.Token > held.Token);
        }

        await waiting.DisposeAsync();
    }

    [Theory]
    [InlineData("3.5")]
    [InlineData("3.4")]
    public async Task A_leader_that_slept_through_an_election_does_not_answer_from_the_past(string version)
    {
        await using var cluster = await TestEtcd.StartAsync(version, 3);

        // it wakes up believing that it still leads
        for (int round = 0; round < 3; round++)
        {
            var leader = await cluster.LeaderAsync();
            await using var there = cluster.Open("past", o => o with { Endpoints = cluster.HostsFrom(leader) });
            await using var here = cluster.Open("past", o => o with { Endpoints = [.. cluster.Hosts.Where(h => h != leader.Address)] });
            await there.PutAsync("x", new byte[] { 1 });
            leader.Stop();
            var read = Task.Run(async () => await there.GetAsync("x"));
            await Eventually.TrueAsync(async () => await Record.ExceptionAsync(async () => await here.PutAsync("x", new byte[] { 2 })) is null);
            long written = (await here.GetAsync("x"))!.Revision;
            leader.Continue();
            Assert.True((await there.GetAsync("x"))!.Revision >= written);
            await Record.ExceptionAsync(() => read).InTime();
        }
    }

    [Fact]
    public async Task A_member_that_hears_nothing_of_the_others_answers_nothing_from_the_past_and_is_left()
    {
        await using var cluster = await EtcdCluster.StartAsync(new() { Fsync = false, ProxiesPeers = true });
        var deaf = (await cluster.FollowersAsync())[0];
        await using var there = cluster.Open("deaf", o => o with { Endpoints = cluster.HostsFrom(deaf) });
        await using var only = cluster.Open("deaf", o => o with { Endpoints = [deaf.Address], AnswerTimeout = TimeSpan.FromSeconds(1) });
        await using var client = new ConclaveClient(cluster.Open("deaf", o => o with { Endpoints = cluster.HostsFrom(deaf) }), FaultTests.Patient with { SessionTimeToLive = TimeToLive });
        await there.PutAsync("x", new byte[] { 1 });
        Assert.NotNull(await only.GetAsync("x"));
        var held = await client.Lock("a").AcquireAsync();

        deaf.Peers!.Drop();
        long written = 0;
        await Eventually.TrueAsync(async () => await Record.ExceptionAsync(async () => written = await there.PutAsync("x", new byte[] { 2 })) is null);

        // the member does not know of the write, and does not say so
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await only.GetAsync("x"));
        Assert.True((await there.GetAsync("x"))!.Revision >= written);

        // who began at that member goes on at another: what it holds is renewed, and it gets what others leave
        await using var other = new ConclaveClient(cluster.Open("deaf"), FaultTests.Patient);
        await using (var theirs = await other.Lock("b").AcquireAsync())
        {
            var next = client.Lock("b").AcquireAsync().AsTask();
            await Eventually.TrueAsync(async () => (await other.Lock("b").InspectAsync()).Waiters.Length == 1);
            await theirs.DisposeAsync();
            await using var mine = await next.InTime();
            Assert.True(mine.Token > theirs.Token);
        }

        var (safe, renewals) = (held.SafeTime, 0);
        await Eventually.TrueAsync(() =>
        {
            renewals += held.SafeTime is var now && now > safe ? 1 : 0;
            safe = now;
            return renewals >= 3;
        });
        Assert.False(held.Lost.IsCancellationRequested);
        deaf.Peers.Restore();
        await Eventually.TrueAsync(async () => await Record.ExceptionAsync(async () => await only.GetAsync("x")) is null);
        Assert.Equal(2, (await only.GetAsync("x"))!.Value.Span[0]);
    }
}
