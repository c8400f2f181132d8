using System.Globalization;
using Conclave;
using Conclave.Sqlite;
using Conclave.TestWorker;

// A process that tests start, stop and kill. It speaks lines: one command in, one answer out.
//   hold FILE NAME TTL_SECONDS         acquires, says "granted TOKEN WHEN"; then answers "look", "write FILE TEXT", "overwrite FILE TEXT" (unchecked), "release"
//   traffic FILE NAMES ROUNDS SEED     takes random locks, says "NAME TOKEN CALLED GRANTED RELEASED WAITED" for each grant
return args switch
{
    ["hold", var file, var name, var ttl] => await HoldAsync(file, name, TimeSpan.FromSeconds(double.Parse(ttl, CultureInfo.InvariantCulture))),
    ["traffic", var file, var names, var rounds, var seed] => await TrafficAsync(file, int.Parse(names, null), int.Parse(rounds, null), int.Parse(seed, null)),
    _ => 64,
};

static async Task<int> HoldAsync(string file, string name, TimeSpan timeToLive)
{
    await using var client = new ConclaveClient(new SqliteStore(file), new() { SessionTimeToLive = timeToLive, Label = "worker" });
    var claim = await client.Lock(name).AcquireAsync();
    Console.WriteLine($"granted {claim.Token} {new BootTimeProvider().GetTimestamp()}");
    while (await Console.In.ReadLineAsync() is { } line)
    {
        switch (line.Split(' '))
        {
            case ["look"]:
                Console.WriteLine($"{claim.IsHeld} {claim.State}");
                break;
            case ["write" or "overwrite", var resource, var text]:
                Console.WriteLine(await FencedFile.TryAppendAsync(resource, claim.Token, text, checks: line.StartsWith('w')) ? "accepted" : "refused");
                break;
            case ["release"]:
                Console.WriteLine(await claim.ReleaseAsync());
                break;
        }
    }

    return 0;
}

static async Task<int> TrafficAsync(string file, int names, int rounds, int seed)
{
    var clock = new BootTimeProvider();
    var random = new Random(seed);
    var lines = new List<string>(rounds);
    await using var client = new ConclaveClient(new SqliteStore(file));
    for (int i = 0; i < rounds; i++)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"n{random.Next(names)}");
        long called = clock.GetTimestamp();
        var acquire = client.Lock(name).AcquireAsync().AsTask();
        bool waited = !acquire.IsCompleted;
        var claim = await acquire;
        long granted = clock.GetTimestamp();
        claim.ThrowIfLost();
        if (random.Next(4) > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(4)), TimeProvider.System);
        }

        long released = clock.GetTimestamp();
        await claim.DisposeAsync();
        lines.Add(string.Create(CultureInfo.InvariantCulture, $"{name} {claim.Token} {called} {granted} {released} {waited}"));
    }

    Console.WriteLine(string.Join('\n', lines));
    return 0;
}
