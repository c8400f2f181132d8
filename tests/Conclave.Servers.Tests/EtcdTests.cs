namespace Conclave.Servers.Tests;

public sealed class EtcdTests
{
    [Theory]
    [InlineData("3.4")]
    [InlineData("3.5")]
    public async Task Answers_restarts_with_its_data_and_without_and_leaves_nothing(string version)
    {
        await using var server = await EtcdServer.StartAsync(new() { Version = version });
        (await server.EtcdctlAsync("put", "key", "value")).OutputOfSuccess();
        int port = server.Port;

        await server.RestartAsync();
        Assert.Equal("key\nvalue\n", (await server.EtcdctlAsync("get", "key")).OutputOfSuccess());
        Assert.Equal(port, server.Port);

        await server.RestartWithoutDataAsync();
        Assert.Equal("", (await server.EtcdctlAsync("get", "key")).OutputOfSuccess());
        Assert.StartsWith(version, (await server.EtcdctlAsync("endpoint", "status")).OutputOfSuccess().Split(", ")[2], StringComparison.Ordinal);
        await Traces.DisposeLeavesNothingAsync(server);
    }

    [Fact]
    public async Task May_want_certificates_and_passwords()
    {
        await using var server = await EtcdServer.StartAsync(new() { Version = "3.4", Tls = Tls.Mutual, RootPassword = "secret" });
        (await server.EtcdctlAsync("put", "key", "value")).OutputOfSuccess();

        var withoutCertificate = server.Certificates!.ClientOptions();
        withoutCertificate.ClientCertificates = null;
        using var stranger = new HttpClient(new SocketsHttpHandler { SslOptions = withoutCertificate });
        await Assert.ThrowsAsync<HttpRequestException>(() => stranger.GetAsync(new Uri(server.Endpoint + "/health")));
        var wrong = await server.EtcdctlAsync("--user", "root:wrong", "get", "key");
        Assert.NotEqual(0, wrong.ExitCode);

        await server.RestartAsync();
        Assert.Equal("key\nvalue\n", (await server.EtcdctlAsync("get", "key")).OutputOfSuccess());
    }

    [Fact]
    public async Task Holds_locks_of_its_own_client()
    {
        await using var server = await EtcdServer.StartAsync();
        await using var first = await server.StartEtcdctlAsync("lock", "name");
        Assert.StartsWith("name/", await first.ReadLineAsync().InTime(), StringComparison.Ordinal);
        await using var second = await server.StartEtcdctlAsync("lock", "name");
        var granted = second.ReadLineAsync();

        first.Interrupt();
        Assert.StartsWith("name/", await granted.InTime(), StringComparison.Ordinal);
        await first.Exited.InTime();

        second.Kill();
        Assert.Equal(128 + 9, await second.Exited.InTime());
    }

    [Fact]
    public async Task A_cluster_chooses_another_leader_takes_members_back_and_replaces_them()
    {
        await using var cluster = await EtcdCluster.StartAsync();
        var leader = await cluster.LeaderAsync();
        leader.Stop();
        await Eventually.TrueAsync(async () => await cluster.LeaderAsync() != leader);
        leader.Continue();
        await Eventually.TrueAsync(async () => (await leader.EtcdctlAsync("put", "key", "value")).ExitCode == 0);

        var second = await cluster.LeaderAsync();
        second.Kill();
        await Eventually.TrueAsync(async () => await cluster.LeaderAsync() != second);
        await second.RestartAsync();
        Assert.Equal(2, (await cluster.FollowersAsync()).Count);

        await Assert.ThrowsAsync<InvalidOperationException>(() => second.RestartWithoutDataAsync());
        await cluster.ReplaceAsync(second);
        Assert.Equal("key\nvalue\n", (await second.EtcdctlAsync("get", "key")).OutputOfSuccess());

        await cluster.RestartAsync();
        Assert.Equal("key\nvalue\n", (await cluster.EtcdctlAsync("get", "key")).OutputOfSuccess());
        await cluster.RestartWithoutDataAsync();
        Assert.Equal("", (await cluster.EtcdctlAsync("get", "key")).OutputOfSuccess());
    }

    [Fact]
    public async Task A_cluster_may_want_certificates_and_passwords()
    {
        await using var cluster = await EtcdCluster.StartAsync(new() { Version = "3.4", Tls = Tls.Mutual, RootPassword = "secret" });
        (await cluster.EtcdctlAsync("put", "key", "value")).OutputOfSuccess();
        await cluster.LeaderAsync();
    }
}
