using System.Diagnostics;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Consul.Tests;

/// <summary>What a cluster goes through: a leader that stops, and a quorum that is lost.</summary>
public sealed class QuorumTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_leader_that_is_stopped_costs_no_claim_and_without_a_quorum_nothing_is_answered()
    {
        await using var cluster = await ConsulCluster.StartAsync(TestServers.Short);
        var leader = await cluster.LeaderAsync();
        var clients = cluster.Servers.Select(first => new ConclaveClient(
            first.Open("test", o => o with { Agents = [first.Address(), .. cluster.Servers.Where(s => s != first).Select(s => s.Address())], AnswerTimeout = TimeSpan.FromSeconds(2) }),
            FaultTests.Patient)).ToArray();
        var claims = new List<Claim>();
        foreach (var client in clients)
        {
            claims.Add(await client.Lock($"x{claims.Count}").AcquireAsync());
        }

        leader.Stop();
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(clients.Select(async (client, i) =>
        {
            await using var claim = await client.Lock($"y{i}").AcquireAsync();
            Assert.True(claim.IsHeld);
        })).InTime();
        output.WriteLine($"locks again {watch.Elapsed.TotalSeconds:F2} s after the leader was stopped");
        Assert.All(claims, c => Assert.False(c.Lost.IsCancellationRequested, $"{c.Name} {c.State}"));

        // without a quorum: unavailable or unknown, and soon; with it everything goes on
        var second = cluster.Servers.First(s => s != leader);
        second.Stop();
        await using (var store = cluster.Servers.First(s => s != leader && s != second).Open("test", o => o with { AnswerTimeout = TimeSpan.FromSeconds(1) }))
        {
            var error = await Record.ExceptionAsync(() => store.PutAsync("z", default).AsTask().InTime());
            Assert.True(error is StoreUnavailableException or OutcomeUnknownException, $"{error}");
        }

        leader.Continue();
        second.Continue();
        await using var again = await clients[0].Lock("z").AcquireAsync().AsTask().InTime();
        Assert.True(again.IsHeld);
        foreach (var client in clients)
        {
            await client.DisposeAsync().AsTask().InTime();
        }
    }
}
