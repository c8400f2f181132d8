namespace Conclave.Redis.Tests;

/// <summary>How many commands a call is.</summary>
public sealed class CostTests
{
    [Fact]
    public async Task An_acquire_is_one_command_and_a_release_is_another()
    {
        await using var server = await RedisServer.StartAsync();
        int commands = 0;
        await using var client = new ConclaveClient(server.Store(change: o => o with { OnCommand = _ => Interlocked.Increment(ref commands) }));
        await (await client.Lock("warm").AcquireAsync()).DisposeAsync();

        // looking for the dead goes on in the background, every 1.2 s
        int least = int.MaxValue;
        for (int i = 0; i < 5; i++)
        {
            int before = Volatile.Read(ref commands);
            await (await client.Lock("x").AcquireAsync()).DisposeAsync();
            least = Math.Min(least, Volatile.Read(ref commands) - before);
        }

        Assert.Equal(2, least);
    }
}
