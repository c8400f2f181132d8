namespace Conclave.Servers.Tests;

public sealed class OneRedis() : SharedServer<RedisServer>(() => RedisServer.StartAsync());

public sealed class SharedServerTests(OneRedis shared) : IClassFixture<OneRedis>
{
    [Fact]
    public async Task Tests_of_a_class_may_share_a_server()
    {
        var server = await shared.GetAsync();
        Assert.Equal("PONG", await server.CommandAsync("PING"));
        Assert.Same(server, await shared.GetAsync());
    }

    [Fact]
    public async Task Whoever_asks_learns_that_it_is_not_here()
    {
        await using var missing = new Missing();
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal("not here", (await Assert.ThrowsAsync<InvalidOperationException>(missing.GetAsync)).Message);
        }
    }

    private sealed class Missing() : SharedServer<RedisServer>(() => throw new InvalidOperationException("not here"));
}
