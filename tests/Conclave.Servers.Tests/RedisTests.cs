namespace Conclave.Servers.Tests;

public sealed class RedisTests
{
    [Theory]
    [InlineData(RedisFlavor.Redis7, "redis_version:7.0")]
    [InlineData(RedisFlavor.Valkey8, "valkey_version:8.0")]
    public async Task Answers_restarts_with_its_data_and_without_and_leaves_nothing(RedisFlavor flavor, string version)
    {
        await using var server = await RedisServer.StartAsync(new() { Flavor = flavor, AppendOnly = true });
        Assert.Contains(version, await server.CommandAsync("INFO", "server"), StringComparison.Ordinal);
        Assert.Equal("OK", await server.CommandAsync("SET", "key", "välue"));

        await server.RestartAsync();
        Assert.Equal("välue", await server.CommandAsync("GET", "key"));

        await server.RestartWithoutDataAsync();
        Assert.Null(await server.CommandAsync("GET", "key"));
        await Traces.DisposeLeavesNothingAsync(server);
    }

    [Fact]
    public async Task Without_a_file_forgets_at_a_restart()
    {
        await using var server = await RedisServer.StartAsync();
        await server.CommandAsync("SET", "key", "value");
        await server.RestartAsync();
        Assert.Null(await server.CommandAsync("GET", "key"));
    }

    [Theory]
    [InlineData(RedisFlavor.Redis7)]
    [InlineData(RedisFlavor.Valkey8)]
    public async Task A_replica_copies_its_master_also_with_a_password_and_TLS(RedisFlavor flavor)
    {
        var options = new RedisOptions { Flavor = flavor, Password = "secret", Tls = Tls.Mutual };
        await using var master = await RedisServer.StartAsync(options);
        await using var replica = await RedisServer.StartAsync(options with { ReplicaOf = master });
        await master.CommandAsync("SET", "key", "value");
        await Eventually.TrueAsync(async () => await replica.CommandAsync("GET", "key") == "value");

        master.Kill();
        await replica.CommandAsync("REPLICAOF", "NO", "ONE");
        Assert.Equal("OK", await replica.CommandAsync("SET", "key", "other"));
    }

    [Fact]
    public async Task Says_no_without_the_password_and_evicts_as_it_is_told()
    {
        await using var server = await RedisServer.StartAsync(new() { Password = "secret", MaxMemory = "3mb", MaxMemoryPolicy = "allkeys-lru" });
        await using var stranger = await RespConnection.OpenAsync(server.Host, server.Port, null, default);
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => stranger.AskAsync(["GET", "key"], default));
        Assert.StartsWith("NOAUTH", refused.Message, StringComparison.Ordinal);
        Assert.Equal("maxmemory-policy\nallkeys-lru", await server.CommandAsync("CONFIG", "GET", "maxmemory-policy"));
    }

    [Fact]
    public async Task Stopped_answers_nothing_and_continued_everything()
    {
        await using var server = await RedisServer.StartAsync();
        server.Stop();
        var answer = server.CommandAsync("PING");
        await Eventually.TrueAsync(() => File.ReadAllText($"/proc/{server.ProcessId}/stat").Contains(" T ", StringComparison.Ordinal));
        Assert.False(answer.IsCompleted);
        server.Continue();
        Assert.Equal("PONG", await answer.InTime());

        server.Stop();
        await Traces.DisposeLeavesNothingAsync(server);
    }
}
