using Conclave.Sqlite;
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.Claims;

/// <summary>Random traffic on a store that misbehaves as the contract allows: two never hold one lock, and nobody is left standing in a queue.</summary>
public sealed class LockChaosTests
{
    private const int Clients = 4;
    private const int Workers = 8;
    private const int Rounds = 25;

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    public async Task Memory(int seed, bool sessionsEnd)
    {
        await using var store = new MemoryStore();
        await RunAsync(seed, sessionsEnd, () => new SharedStore(store));
    }

    [Theory]
    [InlineData(4, false)]
    [InlineData(5, true)]
    public async Task Sqlite(int seed, bool sessionsEnd)
    {
        var folder = Directory.CreateTempSubdirectory("conclave-chaos-");
        await RunAsync(seed, sessionsEnd, () => new SqliteStore(Path.Combine(folder.FullName, "chaos.db")));
        folder.Delete(recursive: true);
    }

    private static async Task RunAsync(int seed, bool sessionsEnd, Func<IStore> connect)
    {
        // a session that is ended from outside is lost before its holder can know: that overlap is what tokens are for
        var stores = Enumerable.Range(0, Clients)
            .Select(i => new ChaosStore(connect(), ChaosOptions.BadDay((seed * 100) + i) with { SessionsEnded = sessionsEnd ? 0.5 : 0 }))
            .ToArray();

        // the shortest time to live there is, so that renewals, and what chaos does to them, are part of the run
        var clients = stores.Select(s => new ConclaveClient(s, new() { SessionTimeToLive = TimeSpan.FromSeconds(2) })).ToArray();
        string[] names = ["a", "b"];
        var newest = names.ToDictionary(n => n, _ => (Claim?)null);
        int grants = 0;
        int waits = 0;
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(async () =>
        {
            var random = new Random((seed * 1000) + worker);
            var expected = sessionsEnd ? [ChaosFault.SessionEnded] : Array.Empty<ChaosFault>();
            for (int i = 0; i < Rounds || expected.Any(f => stores[worker % Clients].Counts[f] == 0); i++)
            {
                string name = names[random.Next(names.Length)];
                var acquire = clients[worker % Clients].Lock(name).AcquireAsync().AsTask();
                Interlocked.Add(ref waits, acquire.IsCompleted ? 0 : 1);
                await using var claim = await acquire.WaitAsync(TimeSpan.FromMinutes(1));
                Interlocked.Increment(ref grants);
                lock (newest)
                {
                    Assert.True(newest[name] is not { } before || claim.Token > before.Token, $"token {claim.Token} follows {newest[name]?.Token}");
                    Assert.True(sessionsEnd || newest[name] is not { IsHeld: true }, "granted while another one holds it");
                    newest[name] = claim;
                }

                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(6)), TimeProvider.System);
                lock (newest)
                {
                    Assert.True(sessionsEnd || newest[name] == claim || !claim.IsHeld, "two hold one lock");
                }
            }
        })));

        foreach (var store in stores)
        {
            store.IsCalm = true;
            await store.WaitForLateAsync();
        }

        await Eventually.TrueAsync(async () => (await stores[0].CommitAsync(new(reads: [Read.Scan("lock/")]))).Reads[0].IsEmpty, "nobody is left in a queue");
        Assert.True(grants >= Workers * Rounds);
        Assert.True(waits >= grants * 3 / 10, $"only {waits} of {grants} grants had to wait");
        foreach (var fault in Enum.GetValues<ChaosFault>().Except([ChaosFault.SessionEnded, ChaosFault.RefusedRenewal]))
        {
            Assert.True(stores.Sum(s => s.Counts[fault]) > 0, $"no {fault} in the run");
        }

        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }
}
