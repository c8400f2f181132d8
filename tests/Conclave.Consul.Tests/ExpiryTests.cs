using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Consul.Tests;

/// <summary>Holders that die, and sessions that somebody ends.</summary>
public sealed class ExpiryTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_holder_that_dies_is_followed_after_twice_its_time_to_live()
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Default);
        await using var store = server.Open("test");
        await using var client = new ConclaveClient(server.Open("test"), FaultTests.Patient);
        var watch = Stopwatch.StartNew();
        var (session, timeToLive) = await store.OpenSessionAsync(TimeSpan.FromSeconds(2));
        Assert.Equal(TimeSpan.FromSeconds(10), timeToLive);
        await store.CommitAsync(new([Condition.Absent("lock/x/dead-1")], [Write.Put("lock/x/dead-1", default, session)]));

        await using var claim = await client.Lock("x").AcquireAsync().AsTask().InTime();
        output.WriteLine($"the next holder came {watch.Elapsed.TotalSeconds:F2} s after the last renewal of a session of {timeToLive.TotalSeconds} s");

        // as in the kit, a busy machine may be as late as this on top
        Assert.InRange(watch.Elapsed, timeToLive * 2 - TimeSpan.FromMilliseconds(50), store.Description.LatestExpiry(timeToLive) + TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task A_node_that_fails_its_health_check_costs_no_claim()
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Short);
        await using var client = new ConclaveClient(server.Open("test"), FaultTests.Patient with { SessionTimeToLive = TimeSpan.FromSeconds(3) });
        await using var claim = await client.Lock("x").AcquireAsync();
        using var http = new HttpClient { BaseAddress = new(server.Endpoint) };

        // a session as Consul makes it by itself, to see that the check is believed
        using var created = await http.PutAsJsonAsync("v1/session/create", new JsonObject { ["Name"] = "usual" });
        string usual = (string)(await created.Content.ReadFromJsonAsync<JsonObject>())!["ID"]!;
        string node = (string)(await http.GetFromJsonAsync<JsonArray>($"v1/session/info/{usual}"))![0]!["Node"]!;
        var check = new JsonObject { ["Node"] = node, ["CheckID"] = "serfHealth", ["Name"] = "Serf Health Status", ["Status"] = "critical" };
        using var failed = await http.PutAsJsonAsync("v1/catalog/register", new JsonObject { ["Node"] = node, ["Address"] = server.Host, ["SkipNodeUpdate"] = true, ["Check"] = check });
        Assert.True(failed.IsSuccessStatusCode, $"{failed.StatusCode}");
        await Eventually.TrueAsync(async () => (await http.GetFromJsonAsync<JsonArray>($"v1/session/info/{usual}"))!.Count == 0);

        // ours is renewed after that
        var before = claim.SafeTime;
        await Eventually.TrueAsync(() => claim.SafeTime > before || !claim.IsHeld);
        Assert.True(claim.IsHeld && !claim.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task A_session_that_an_operator_ends_is_lost_with_the_next_renewal_and_the_next_one_follows()
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Short);
        await using var client = new ConclaveClient(server.Open("test"), FaultTests.Patient with { SessionTimeToLive = TimeSpan.FromSeconds(3) });
        await using var other = new ConclaveClient(server.Open("test"), FaultTests.Patient with { SessionTimeToLive = TimeSpan.FromSeconds(3) });
        await using var looking = server.Open("test");
        await using var claim = await client.Lock("x").AcquireAsync();
        var next = other.Lock("x").AcquireAsync().AsTask();
        await Eventually.TrueAsync(async () => (await client.Lock("x").InspectAsync()).Waiters.Length == 1);

        var entries = (await looking.CommitAsync(new(reads: [Read.Scan("lock/x/")]))).Reads[0];
        var session = entries.MinBy(e => e.CreateRevision)!.Session!.Value;
        var watch = Stopwatch.StartNew();
        using (var http = new HttpClient())
        {
            using var destroyed = await http.PutAsync($"{server.Endpoint}/v1/session/destroy/{session}", null);
            Assert.True(destroyed.IsSuccessStatusCode);
        }

        // no lock-delay: the next one is there at once
        await using var second = await next.InTime();
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(3), $"the next holder came after {watch.Elapsed}");
        Assert.True(second.Token.Value > claim.Token.Value);
        await Eventually.TrueAsync(() => claim.Lost.IsCancellationRequested);
        Assert.False(claim.IsHeld);
    }
}
