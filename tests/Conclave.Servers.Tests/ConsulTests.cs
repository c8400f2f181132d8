namespace Conclave.Servers.Tests;

public sealed class ConsulTests
{
    [Fact]
    public async Task Answers_restarts_with_its_data_and_without_and_leaves_nothing()
    {
        await using var server = await ConsulServer.StartAsync();
        (await server.ConsulAsync("kv", "put", "key", "value")).OutputOfSuccess();

        await server.RestartAsync();
        Assert.Equal("value\n", (await server.ConsulAsync("kv", "get", "key")).OutputOfSuccess());

        await server.RestartWithoutDataAsync();
        Assert.NotEqual(0, (await server.ConsulAsync("kv", "get", "key")).ExitCode);
        await Traces.DisposeLeavesNothingAsync(server);
    }

    [Fact]
    public async Task May_want_a_token()
    {
        await using var server = await ConsulServer.StartAsync(new() { ManagementToken = Guid.NewGuid().ToString() });
        (await server.ConsulAsync("kv", "put", "key", "value")).OutputOfSuccess();
        Assert.NotEqual(0, (await server.ConsulAsync("kv", "put", "-token=anonymous", "key", "other")).ExitCode);
    }

    [Fact]
    public async Task Holds_locks_of_its_own_client()
    {
        await using var server = await ConsulServer.StartAsync(new() { SessionTtlMinimum = TimeSpan.FromSeconds(1) });
        await using var holder = await server.StartConsulAsync("lock", "name", "echo held; exec sleep 1000");
        Assert.Equal("held", await holder.ReadLineAsync().InTime());
        holder.Terminate();
        await holder.Exited.InTime();
    }

    [Fact]
    public async Task A_cluster_chooses_another_leader_and_takes_members_back()
    {
        await using var cluster = await ConsulCluster.StartAsync();
        var leader = await cluster.LeaderAsync();
        (await leader.ConsulAsync("kv", "put", "key", "value")).OutputOfSuccess();

        leader.Kill();
        await Eventually.TrueAsync(async () => await cluster.LeaderAsync() != leader);
        await leader.RestartAsync();
        Assert.Equal("value\n", (await leader.ConsulAsync("kv", "get", "key")).OutputOfSuccess());

        var second = await cluster.LeaderAsync();
        second.Stop();
        await Eventually.TrueAsync(async () => await cluster.LeaderAsync() != second);
        second.Continue();
        Assert.Equal(2, (await cluster.FollowersAsync()).Count);

        await cluster.RestartAsync();
        Assert.Equal("value\n", (await cluster.Servers[0].ConsulAsync("kv", "get", "key")).OutputOfSuccess());
        await cluster.RestartWithoutDataAsync();
        Assert.NotEqual(0, (await cluster.Servers[0].ConsulAsync("kv", "get", "key")).ExitCode);
    }
}
