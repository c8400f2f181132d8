using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Consul.Tests;

/// <summary>Tokens, permissions, addresses and formats that do not fit.</summary>
public sealed class AccessTests
{
    [Fact]
    public async Task Access_that_is_revoked_while_holding_costs_the_claim_in_time_and_while_waiting_is_reported()
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Short with { ManagementToken = Guid.NewGuid().ToString() });
        using var http = new HttpClient { BaseAddress = new(server.Endpoint) };
        http.DefaultRequestHeaders.Add("X-Consul-Token", server.Options.ManagementToken);
        using (var policy = await http.PutAsJsonAsync("v1/acl/policy", new JsonObject { ["Name"] = "conclave", ["Rules"] = """key_prefix "test/" { policy = "write" } session_prefix "" { policy = "write" }""" }))
        {
            Assert.True(policy.IsSuccessStatusCode);
        }

        var (holderId, holder) = await TokenAsync(http);
        var (waiterId, waiter) = await TokenAsync(http);
        var options = FaultTests.Patient with { SessionTimeToLive = TimeSpan.FromSeconds(3) };
        await using var one = new ConclaveClient(server.Open("test", o => o with { Token = holder }), options);
        await using var two = new ConclaveClient(server.Open("test", o => o with { Token = waiter }), options);
        await using var claim = await one.Lock("x").AcquireAsync();
        var next = two.Lock("x").AcquireAsync().AsTask();
        await Eventually.TrueAsync(async () => (await one.Lock("x").InspectAsync()).Waiters.Length == 1);

        await http.DeleteAsync($"v1/acl/token/{waiterId}");
        var refused = await Assert.ThrowsAsync<StoreAccessException>(() => next.InTime());
        Assert.DoesNotContain(waiter, refused.ToString(), StringComparison.Ordinal);
        Assert.True(claim.IsHeld);

        var watch = Stopwatch.StartNew();
        await http.DeleteAsync($"v1/acl/token/{holderId}");
        await Eventually.TrueAsync(() => claim.Lost.IsCancellationRequested);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(4), $"lost after {watch.Elapsed}");
        Assert.False(claim.IsHeld);
    }

    [Fact]
    public async Task A_wrong_token_a_missing_permission_and_a_wrong_port_are_told_apart()
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Short with { ManagementToken = Guid.NewGuid().ToString() });
        foreach (string? token in (string?[])[null, "hunter2"])
        {
            await using var store = server.Open("test", o => o with { Token = token });
            foreach (var call in (Func<Task>[])[() => store.GetAsync("x").AsTask(), () => store.PutAsync("x", default).AsTask(), () => store.OpenSessionAsync(TimeSpan.FromSeconds(5)).AsTask()])
            {
                var error = await Assert.ThrowsAsync<StoreAccessException>(call);
                Assert.DoesNotContain("hunter2", error.ToString(), StringComparison.Ordinal);
            }
        }

        await using var closed = server.Open("test", o => o with { Agents = [new(server.Host, 1)] });
        await Assert.ThrowsAsync<StoreUnavailableException>(() => closed.GetAsync("x").AsTask());
        await using var tls = server.Open("test", o => o with { Tls = true });
        await Assert.ThrowsAsync<StoreAccessException>(() => tls.GetAsync("x").AsTask());
        await using var elsewhere = server.Open("test", o => o with { Datacenter = "nowhere" });
        await Assert.ThrowsAsync<StoreConfigurationException>(() => elsewhere.PutAsync("x", default).AsTask());
    }

    [Fact]
    public async Task A_namespace_that_was_removed_is_made_anew_and_a_newer_format_is_refused()
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Short);
        await using var store = server.Open("test");
        long revision = await store.PutAsync("x", default);
        (await server.ConsulAsync("kv", "delete", "-recurse", "test/")).OutputOfSuccess();

        Assert.Null(await store.GetAsync("x"));
        Assert.True(await store.PutAsync("x", default) > revision);

        var keys = new ConsulKeys("newer");
        var body = new TxnBody();
        body.Set(keys.Format, "2"u8, 0);
        using var http = new HttpClient { BaseAddress = new(server.Endpoint) };
        using var content = new ByteArrayContent(body.Finish().ToArray());
        (await http.PutAsync("v1/txn", content)).EnsureSuccessStatusCode();
        await using var newer = server.Open("newer");
        await Assert.ThrowsAsync<StoreFormatException>(() => newer.GetAsync("x").AsTask());
    }

    [Fact]
    public async Task The_server_tells_its_clock()
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Short);
        await using var store = server.Open("test");
        var (time, resolution) = await store.GetServerTimeAsync();
        Assert.Equal(TimeSpan.FromSeconds(1), resolution);
        Assert.InRange(time, TimeProvider.System.GetUtcNow() - TimeSpan.FromSeconds(5), TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(5));
    }

    private static async Task<(string Id, string Secret)> TokenAsync(HttpClient http)
    {
        using var created = await http.PutAsJsonAsync("v1/acl/token", new JsonObject { ["Policies"] = new JsonArray(new JsonObject { ["Name"] = "conclave" }) });
        var token = await created.Content.ReadFromJsonAsync<JsonObject>();
        return ((string)token!["AccessorID"]!, (string)token["SecretID"]!);
    }
}
