using Conclave.Servers;
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Postgres.Tests;

/// <summary>The whole kit, against a real server. The cases wait in real time for sessions, so they run side by side, each in a namespace of its own.</summary>
public abstract class ConformanceTests(ITestOutputHelper output)
{
    private protected async Task RunAsync(ConformanceOptions options, Dictionary<string, string>? settings = null)
    {
        await using var server = await PostgresServer.StartAsync(new() { Settings = new Dictionary<string, string> { ["max_connections"] = "400" } });
        foreach (var (name, value) in settings ?? [])
        {
            await server.QueryAsync($"ALTER ROLE postgres SET {name} = '{value}'");
        }

        int spaces = 0;
        var text = new StringWriter();
        var report = await ConformanceKit.RunAsync(
            () => new Harness(server, $"case-{Interlocked.Increment(ref spaces)}"), text, options with { Parallelism = 8 }, TestContext.Current.CancellationToken);
        output.WriteLine(text.ToString());
        Assert.True(report.Passed, text.ToString());
        await Eventually.TrueAsync(async () => await server.ConnectionsAsync() == 0, "no connection is left");
    }

    private sealed class Harness(PostgresServer server, string space) : StoreHarness
    {
        public override bool FollowsClock => false;

        protected override IStore Open(TimeProvider time) => server.Open(space, o => o with { TimeProvider = time });
    }
}

[Collection("conformance")]
public sealed class PlainConformance(ITestOutputHelper output) : ConformanceTests(output)
{
    [Fact]
    public Task Every_case_holds() => RunAsync(new());
}

[Collection("conformance")]
public sealed class ChaoticConformance(ITestOutputHelper output) : ConformanceTests(output)
{
    [Fact]
    public Task Every_case_holds_through_chaos() => RunAsync(new() { Chaos = true });
}

public sealed class HostileDefaultsConformance(ITestOutputHelper output) : ConformanceTests(output)
{
    [Fact]
    public Task Every_case_holds_whatever_the_defaults_of_the_database_are() => RunAsync(new() { Filter = c => StoreConformance.Cases.Contains(c) }, new()
    {
        ["default_transaction_isolation"] = "serializable",
        ["default_transaction_read_only"] = "on",
        ["statement_timeout"] = "200ms",
        ["lock_timeout"] = "20ms",
        ["idle_in_transaction_session_timeout"] = "200ms",
        ["synchronous_commit"] = "off",
        ["search_path"] = "nowhere",
    });
}
