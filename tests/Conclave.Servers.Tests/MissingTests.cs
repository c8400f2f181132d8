namespace Conclave.Servers.Tests;

public sealed class MissingTests
{
    [Fact]
    public void Skips_or_fails_where_a_server_is_not_here()
    {
        try
        {
            ServerBinaries.Require("etcd-3.5", null, mustBeHere: false);
            Assert.Fail("It is not here.");
        }
        catch (ServerMissingException skipped)
        {
            // what xunit looks for is how a message begins, and Assert.Throws lets such a one through
            Assert.Equal("$XunitDynamicSkip$SKIPPED: etcd 3.5 is not here; run eng/servers etcd-3.5", skipped.Message);
        }

        var failed = Assert.Throws<InvalidOperationException>(() => ServerBinaries.Require("etcd-3.5", null, mustBeHere: true));
        Assert.Equal("etcd 3.5 is not here; run eng/servers etcd-3.5", failed.Message);
    }

    [Fact]
    public void Knows_its_servers_by_name()
    {
        var unknown = Assert.Throws<ArgumentException>(() => ServerBinaries.Find("oracle"));
        Assert.Contains("valkey-8.0", unknown.Message, StringComparison.Ordinal);
        Assert.All(ServerBinaries.Names, name => Assert.Equal(name, (ServerBinaries.Find(name) ?? ServerBinaries.Require(name)).Name));
    }

    [Fact]
    public void Takes_no_server_of_another_version()
    {
        Assert.Null(ServerBinaries.Search("redis-6.2", "redis-server"));
        Assert.Null(ServerBinaries.Search("postgresql-1", "postgres"));
    }

    [Fact]
    public async Task A_server_that_fails_shows_its_log()
    {
        var failed = await Assert.ThrowsAsync<ServerFailedException>(() => RedisServer.StartAsync(new() { Arguments = ["--no-such-option", "1"] }));
        Assert.Contains("no-such-option", failed.Message, StringComparison.Ordinal);
        Assert.Contains("ended with 1", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_start_can_be_cancelled()
    {
        using var cancelled = new CancellationTokenSource();
        var start = EtcdCluster.StartAsync(cancellationToken: cancelled.Token);
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => start);
    }
}
