using Conclave.Servers;
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Postgres.Tests;

/// <summary>Behind a pooler that hands out another server connection for every transaction.</summary>
public sealed class PoolerTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Everything_works_behind_a_pooler_in_transaction_mode(bool hostile)
    {
        await using var server = await PostgresServer.StartAsync();
        if (hostile)
        {
            await server.QueryAsync("ALTER ROLE postgres SET default_transaction_isolation = 'repeatable read'");
        }

        await using var pooler = await RoundRobinPooler.StartAsync(server.Port, 5);
        int spaces = 0;
        var text = new StringWriter();
        var options = new ConformanceOptions { Parallelism = 6, Filter = c => StoreConformance.Cases.Contains(c) && (!hostile || c.Contract.StartsWith('1')) };
        var report = await ConformanceKit.RunAsync(() => new Harness(server, pooler, $"case-{Interlocked.Increment(ref spaces)}"), text, options);
        output.WriteLine($"{text} {pooler.Lent} lent");
        Assert.True(report.Passed, text.ToString());

        await using var client = new ConclaveClient(Open(server, pooler, "locks"));
        await (await client.Lock("x").AcquireAsync()).DisposeAsync();
        Assert.Equal(0, await server.NumberAsync("SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND a.application_name = 'pooler'"));
        Assert.Equal(0, await server.NumberAsync("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pooler' AND state LIKE 'idle in transaction%'"));
    }

    [Fact]
    public async Task Waiting_through_a_pooler_alone_is_refused_with_the_way_out()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var pooler = await RoundRobinPooler.StartAsync(server.Port, 2);
        await using var store = server.Open("alone", o => o with { Hosts = [new("127.0.0.1", pooler.Port)] });
        await store.PutAsync("x", default);
        Assert.True(store.Server.HasPooler);

        ConclaveException? refused = null;
        await Eventually.TrueAsync(async () =>
        {
            refused = await Record.ExceptionAsync(async () => await store.WaitForChangeAsync("y", long.MaxValue)) as ConclaveException;
            return refused is not null;
        });
        Assert.IsType<StoreConfigurationException>(refused);
        Assert.Contains("listen=", refused.Message, StringComparison.Ordinal);
    }

    private static PostgresStore Open(PostgresServer server, RoundRobinPooler pooler, string space, TimeProvider? time = null) => server.Open(space, o => o with
    {
        Hosts = [new("127.0.0.1", pooler.Port)],
        ListenHost = new("127.0.0.1", server.Port),
        TimeProvider = time,
    });

    private sealed class Harness(PostgresServer server, RoundRobinPooler pooler, string space) : StoreHarness
    {
        public override bool FollowsClock => false;

        protected override IStore Open(TimeProvider time) => PoolerTests.Open(server, pooler, space, time);
    }
}
