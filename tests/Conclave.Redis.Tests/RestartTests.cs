using Conclave.Storage;

namespace Conclave.Redis.Tests;

/// <summary>The server is killed and started again while everybody wants the same lock.</summary>
public sealed class RestartTests
{
    private static readonly TimeSpan Ttl = StoreLimits.MinTimeToLive;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Locks_survive_restarts_under_load_with_one_holder_at_a_time(bool durable)
    {
        await using var server = await RedisServer.StartAsync(arguments: durable ? ["--appendonly", "yes", "--appendfsync", "always"] : []);
        var resource = new FencedResource();
        using var stop = new CancellationTokenSource();
        int served = 0;
        var workers = Enumerable.Range(0, 6).Select(async _ =>
        {
            await using var client = new ConclaveClient(Store(server), new() { SessionTimeToLive = Ttl });
            int mine = 0;

            // every one of them is served again after the last restart
            for (bool last = false; !last;)
            {
                last = stop.IsCancellationRequested;
                try
                {
                    await using var claim = await client.Lock("x").AcquireAsync();
                    await resource.UseAsync(claim, TimeSpan.FromMilliseconds(2));
                    mine++;
                    Interlocked.Increment(ref served);
                }
                catch (StoreUnavailableException)
                {
                    last = false;
                }
            }

            return mine;
        }).ToArray();
        for (int i = 0; i < 2; i++)
        {
            int before = Volatile.Read(ref served);
            await Eventually.TrueAsync(() => Volatile.Read(ref served) > before + 100);
            await server.KillAsync();
            await server.StartAsync();
        }

        int after = Volatile.Read(ref served);
        await Eventually.TrueAsync(() => Volatile.Read(ref served) > after + 100);
        await stop.CancelAsync();

        Assert.All(await Task.WhenAll(workers).InTime(), mine => Assert.True(mine > 0));
        Assert.Empty(resource.Violations);
        await using var look = Store(server);
        Assert.True(StoreEpoch.Parse((await look.GetAsync(StoreNames.EpochKey))!.Value.Span) >= 2);
    }

    private static RedisStore Store(RedisServer server) =>
        server.Store(change: o => o with { LongestTimeToLive = Ttl, CommandTimeout = TimeSpan.FromSeconds(2) });
}
