using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Etcd.Tests;

/// <summary>What a store tells whoever looks after it.</summary>
public sealed class LoggingTests(OneEtcd fixture) : IClassFixture<OneEtcd>
{
    [Fact]
    public async Task A_lost_connection_another_endpoint_and_a_reconnect_are_logged_and_no_secret_is()
    {
        var cluster = await fixture.GetAsync();
        await using var one = new FaultProxy(cluster.Servers[0]);
        await using var two = new FaultProxy(cluster.Servers[0]);
        using var log = new RecordedLog();
        await using var store = cluster.Open("log", o => o with { Endpoints = [one.Address, two.Address], User = "ann", Password = "hunter2", LoggerFactory = log });
        await store.PutAsync("x", default);
        Assert.Empty(log.Written);

        await MoveAsync(one);
        Assert.Contains(log.Written, l => l.StartsWith($"Warning: The connection to etcd at {one.Address} was lost", StringComparison.Ordinal));
        Assert.Contains($"Information: etcd at {one.Address} is left; {two.Address} answers.", log.Written);

        one.Restore();
        await MoveAsync(two);
        Assert.Contains($"Information: etcd at {one.Address} is connected again.", log.Written);
        Assert.Contains($"Information: etcd at {two.Address} is left; {one.Address} answers.", log.Written);

        // nobody answers: that is told once, not with every call
        await MoveAsync(one, until: e => e is StoreUnavailableException);
        int count = log.Written.Count;
        for (int i = 0; i < 5; i++)
        {
            await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.GetAsync("x"));
        }

        Assert.Equal(count, log.Written.Count);
        Assert.DoesNotContain(log.Written, l => l.Contains("hunter2", StringComparison.Ordinal));

        async Task MoveAsync(FaultProxy from, Func<Exception?, bool>? until = null)
        {
            from.Refuse();
            from.Reset();
            await Eventually.TrueAsync(async () => (until ?? (e => e is null))(await Record.ExceptionAsync(async () => await store.GetAsync("x"))));
        }
    }

    [Fact]
    public async Task The_clock_of_the_server_is_told_to_the_second()
    {
        var cluster = await fixture.GetAsync();
        await using var store = cluster.Open("clock");
        var before = TimeProvider.System.GetUtcNow();
        var (time, resolution) = await store.GetServerTimeAsync();

        Assert.Equal(TimeSpan.FromSeconds(1), resolution);
        Assert.InRange(time, before - resolution, TimeProvider.System.GetUtcNow());

        await using var nobody = new FaultProxy(cluster.Servers[0]);
        nobody.Refuse();
        await using var lost = cluster.Open("clock", o => o with { Endpoints = [nobody.Address] });
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await lost.GetServerTimeAsync());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await store.GetServerTimeAsync(new(canceled: true)));
    }
}
