namespace Conclave.Servers.Tests;

public sealed class PostgresTests
{
    [Fact]
    public async Task Answers_restarts_with_its_data_and_without_and_leaves_nothing()
    {
        await using var server = await PostgresServer.StartAsync(new() { Settings = new Dictionary<string, string> { ["max_connections"] = "17" } });
        await server.QueryAsync("create table t as select 'välue' as v");
        Assert.Equal("17", (await server.QueryAsync("show max_connections"))[0][0]);

        await server.RestartAsync();
        Assert.Equal("välue", (await server.QueryAsync("select v from t"))[0][0]);

        await server.ShutdownAsync(PostgresShutdown.Immediate);
        Assert.False(server.IsAlive);
        await server.RestartAsync();
        Assert.Equal("välue", (await server.QueryAsync("select v from t"))[0][0]);

        await server.RestartWithoutDataAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => server.QueryAsync("select v from t"));
        await Traces.DisposeLeavesNothingAsync(server);
    }

    [Fact]
    public async Task A_standby_follows_and_takes_over()
    {
        await using var primary = await PostgresServer.StartAsync();
        await using var standby = await PostgresServer.StartAsync(new() { StandbyOf = primary });
        await primary.QueryAsync("create table t as select 1 as v");
        await Eventually.TrueAsync(async () => (await standby.QueryAsync("select to_regclass('t')"))[0][0] is not null);

        primary.Kill();
        await Assert.ThrowsAsync<InvalidOperationException>(() => standby.QueryAsync("insert into t values (2)"));
        await standby.PromoteAsync();
        await standby.QueryAsync("insert into t values (2)");
    }

    [Fact]
    public async Task The_process_of_a_connection_can_be_killed()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var connection = await PostgresConnection.OpenAsync(server.Host, server.Port, "postgres", default);
        int backend = int.Parse((await connection.QueryAsync("select pg_backend_pid()", default))[0][0]!, System.Globalization.CultureInfo.InvariantCulture);
        Assert.Throws<ArgumentException>(() => server.KillBackend(Environment.ProcessId));

        server.KillBackend(backend);
        await Assert.ThrowsAnyAsync<IOException>(() => connection.QueryAsync("select 1", default).InTime());
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                return (await server.QueryAsync("select 1")).Count == 1;
            }
            catch (Exception e) when (e is InvalidOperationException or IOException or System.Net.Sockets.SocketException)
            {
                // it recovers
                return false;
            }
        });
    }

    [Fact]
    public async Task May_want_a_password()
    {
        await using var server = await PostgresServer.StartAsync(new() { Password = "it's secret" });
        Assert.EndsWith(";Password=it's secret", server.ConnectionString, StringComparison.Ordinal);
        // our little client knows no passwords, and is not let in
        using var deadline = new CancellationTokenSource(Eventually.Deadline, TimeProvider.System);
        var psql = await Command.RunAsync(
            ["env", "PGPASSWORD=it's secret", .. server.Binary.Program("psql"), "-w", "-h", server.Host, "-p", $"{server.Port}", "-U", "postgres", "-Atc", "select 1"],
            deadline.Token);
        Assert.Equal("1\n", psql.OutputOfSuccess());
        var wrong = await Command.RunAsync(
            ["env", "PGPASSWORD=wrong", .. server.Binary.Program("psql"), "-w", "-h", server.Host, "-p", $"{server.Port}", "-U", "postgres", "-Atc", "select 1"],
            deadline.Token);
        Assert.NotEqual(0, wrong.ExitCode);
    }
}
