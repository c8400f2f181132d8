using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Etcd.Tests;

/// <summary>A database that has reached its quota: etcd refuses every put until an operator has made room.</summary>
public sealed class SpaceTests
{
    [Fact]
    public async Task A_full_database_keeps_and_releases_what_is_held_and_lets_nobody_in_until_there_is_room()
    {
        await using var cluster = await TestEtcd.StartAsync(arguments: ["--quota-backend-bytes", "4000000"]);
        await using var store = cluster.Open("full");
        await using var one = new ConclaveClient(cluster.Open("full"), FaultTests.Patient with { SessionTimeToLive = TimeSpan.FromSeconds(4) });
        await using var two = new ConclaveClient(cluster.Open("full"), new() { OperationTimeout = TimeSpan.FromSeconds(2) });
        await using var claim = await one.Lock("x").AcquireAsync();

        Exception? error = null;
        for (int i = 0; i < 100 && error is null; i++)
        {
            error = await Record.ExceptionAsync(async () => await store.TryPutAsync($"large/{i}", new byte[300_000], expectedRevision: 0));
        }

        Assert.Contains("database space exceeded", Assert.IsType<OutcomeUnknownException>(error).Message, StringComparison.Ordinal);

        // a busy machine may not even get as far as the server's answer
        await Eventually.TrueAsync(async () =>
        {
            error = await Record.ExceptionAsync(async () => await two.Lock("y").AcquireAsync());
            return Assert.IsType<StoreUnavailableException>(error).Message.Contains("database space exceeded", StringComparison.Ordinal);
        });

        // renewals are no puts, and a release is a delete
        var before = claim.SafeTime;
        await Eventually.TrueAsync(() => claim.SafeTime > before || !claim.IsHeld);
        Assert.True(claim.IsHeld);
        Assert.True(await claim.ReleaseAsync());
        Assert.Empty((await store.CommitAsync(new(reads: [Read.Scan("lock/")]))).Reads[0]);

        // the operator makes room
        await foreach (var entry in store.ScanAsync("large/"))
        {
            await store.DeleteAsync(entry.Key);
        }

        await cluster.CtlAsync("compact", $"{(await store.CommitAsync(new(reads: [Read.Get("large/0")]))).Revision}");
        await cluster.CtlAsync("defrag");
        await cluster.CtlAsync("alarm", "disarm");
        await using var again = await one.Lock("x").AcquireAsync();
        Assert.True(again.Token > claim.Token);
    }
}
