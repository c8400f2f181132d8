using System.Globalization;
using Conclave.Ownership;

namespace Conclave.Torture;

/// <summary>What a worker does, again and again, until it is told to finish.</summary>
/// <param name="client">The client under test.</param>
/// <param name="second">Another client of the same process, with a session of its own.</param>
/// <param name="journal">Where it tells.</param>
/// <param name="resource">The way to the guarded resource, for locks.</param>
/// <param name="losses">Measures how late losses are told.</param>
/// <param name="timeToLive">Of the clients' sessions.</param>
/// <param name="random">Of this exercise alone.</param>
internal sealed partial class Exercises(ConclaveClient client, ConclaveClient second, Journal journal, ResourceClient resource, LossWatch losses, TimeSpan timeToLive, Random random)
{
    public const int Permits = 3;
    public const int Locks = 3;
    public const int Holds = 2;
    public const int Keys = 2;

    // by default; who waits longer for a store that does not answer has been forgotten
    private static readonly TimeSpan OperationTimeout = new ConclaveOptions().OperationTimeout;

    private long _set;

    /// <summary>All exercises, and how many loops of a worker do each.</summary>
    public static IReadOnlyDictionary<string, (int Loops, Func<Exercises, CancellationToken, Task> RunAsync)> All { get; } =
        new Dictionary<string, (int Loops, Func<Exercises, CancellationToken, Task> RunAsync)>(StringComparer.Ordinal)
        {
            ["lock"] = (2, (e, finish) => e.LockAsync(finish)),
            ["leader"] = (1, (e, finish) => e.ElectAsync(finish)),
            ["semaphore"] = (2, (e, finish) => e.UsePermitsAsync(finish)),
            ["counter"] = (1, (e, finish) => e.CountAsync(finish)),
            ["map"] = (1, (e, finish) => e.UpdateAsync(finish)),
            ["ownership"] = (1, (e, finish) => e.OwnAsync(finish)),
            ["hold"] = (1, (e, finish) => e.HoldAsync(finish)),
            ["alone"] = (1, (e, finish) => e.AloneAsync(finish)),
            ["run"] = (1, (e, finish) => e.RunAsync(finish)),
            ["follow"] = (1, (e, finish) => e.FollowAsync(finish)),
            ["try"] = (1, (e, finish) => e.TryAsync(finish)),
        };

    /// <summary>Read, pause, write under a lock: what is lost shows in the sum.</summary>
    private async Task LockAsync(CancellationToken finish)
    {
        string name = $"l{random.Next(Locks)}";
        long called = journal.Now;
        var claim = await WaitedForAsync(client.Lock(name).AcquireAsync(finish), called);
        long id = Granted("lock", name, 1, claim, called);
        if (await resource.ReadAsync(name, claim.Token) is { } value)
        {
            await PauseAsync(20);
            if (Look(id, claim))
            {
                // whatever happens between the look and the write, only the resource can tell; now and then much has the time to
                await PauseAsync(random.Next(15) == 0 ? 1500 : 10);
                await ClingAsync(id, claim);
                bool accepted = await resource.WriteAsync(name, claim.Token, value + 1);
                journal.Tell($"write {name} {(accepted ? "accepted" : "refused")}");
            }
        }

        await EndAsync(id, claim);
    }

    private async Task ElectAsync(CancellationToken finish)
    {
        long called = journal.Now;
        var leadership = await WaitedForAsync(client.Election("e").CampaignAsync(cancellationToken: finish), called);
        long id = Granted("leader", "e", 1, leadership, called);
        for (int i = random.Next(10) == 0 ? 200 : 1; i > 0 && Look(id, leadership); i--)
        {
            await PauseAsync(40);
        }

        await ClingAsync(id, leadership);
        await EndAsync(id, leadership);
    }

    /// <summary>Holds a lock for longer than a session lives without renewals, and looks all the time.</summary>
    private async Task HoldAsync(CancellationToken finish)
    {
        string name = $"h{random.Next(Holds)}";
        long called = journal.Now;
        var claim = await WaitedForAsync(client.Lock(name).AcquireAsync(finish), called);
        long id = Granted("lock", name, 1, claim, called);
        journal.Tell($"did hold");
        var span = timeToLive * (0.5 + random.NextDouble());
        for (long since = journal.Now; (journal.Now - since) / 1e9 < span.TotalSeconds && !finish.IsCancellationRequested && Look(id, claim);)
        {
            await PauseAsync(40);
        }

        await ClingAsync(id, claim);
        await EndAsync(id, claim);
    }

    private async Task UsePermitsAsync(CancellationToken finish)
    {
        int weight = random.Next(4) == 0 ? 2 : 1;
        long called = journal.Now;
        var claim = await WaitedForAsync(client.Semaphore("s", Permits).AcquireAsync(weight, finish), called);
        long id = Granted("semaphore", "s", weight, claim, called);
        for (int i = random.Next(6) == 0 ? 100 : random.Next(3); i > 0 && Look(id, claim); i--)
        {
            await PauseAsync(40);
        }

        await EndAsync(id, claim);
    }

    private async Task CountAsync(CancellationToken finish)
    {
        finish.ThrowIfCancellationRequested();
        journal.Tell($"adding counter c");
        await client.Counter("c").AddAsync(1, CancellationToken.None);
        journal.Tell($"added counter c");
        await PauseAsync(30);
    }

    /// <summary>Changes what is in a map from what it is: none of the changes may be lost, none made twice. And what nobody else sets stays as it was set.</summary>
    private async Task UpdateAsync(CancellationToken finish)
    {
        finish.ThrowIfCancellationRequested();
        string key = $"k{random.Next(Keys)}";
        var map = client.Map<string, long>("map");
        journal.Tell($"adding map {key}");
        await map.UpdateAsync(key, sum => sum + 1, CancellationToken.None);
        journal.Tell($"added map {key}");
        string mine = $"mine{Environment.ProcessId}";
        await map.SetAsync(mine, ++_set, CancellationToken.None);
        await PauseAsync(30);
        if (await map.GetAsync(mine, CancellationToken.None) is var found && found?.Value != _set)
        {
            journal.Wrong("lost updates", $"what was set to {_set} is {found?.Value.ToString(CultureInfo.InvariantCulture) ?? "gone"}, although nobody else sets it");
        }
    }

    /// <summary>Read, work, compare and set by one who usually is the only one: what is decided by the comparison, and not by the ownership.</summary>
    private async Task OwnAsync(CancellationToken finish)
    {
        string key = $"k{random.Next(Keys)}";
        long called = journal.Now;
        await using var ownership = await client.Owner("o").OwnAsync(key, $"{Environment.ProcessId}", finish);
        long id = journal.NextClaim();
        journal.Tell($"grant {id} ownership {key} 1 0 {called} {journal.Now}");
        Believe(id, ownership);
        var values = client.Map<string, long>("owned");
        var before = await values.GetAsync(key, CancellationToken.None);
        await PauseAsync(20);
        Believe(id, ownership);
        journal.Tell($"adding ownership {key}");
        long? revision = await values.TrySetAsync(key, (before?.Value ?? 0) + 1, before?.Revision ?? 0, CancellationToken.None);
        journal.Tell($"{(revision is null ? "conflict" : "added")} ownership {key}");
        bool held = Believe(id, ownership);
        journal.Tell($"end {id} {journal.Now} {(held ? "released" : "lost")}");
    }

    private bool Believe(long id, Ownership.Ownership ownership)
    {
        long now = journal.Now;
        bool isHeld = !ownership.Lost.IsCancellationRequested;
        if (isHeld)
        {
            journal.Tell($"look {id} {now}");
        }

        return isHeld;
    }

    /// <summary>An acquire that may wait for ever gives up only when it could not even join, and not before the operation timeout.</summary>
    private async Task<T> WaitedForAsync<T>(ValueTask<T> acquire, long called)
    {
        try
        {
            return await acquire;
        }
        catch (StoreUnavailableException e) when (TimeSpan.FromSeconds((journal.Now - called) / 1e9) < OperationTimeout * 0.99)
        {
            journal.Wrong("waits", $"an acquire gave up after {(journal.Now - called) / 1e9:0.000} s: {e.Message}");
            throw;
        }
    }

    private long Granted(string kind, string name, int weight, Claim claim, long called)
    {
        long id = journal.NextClaim();
        journal.Tell($"grant {id} {kind} {name} {weight} {claim.Token.Value} {called} {journal.Now}");
        losses.Add(id, claim);
        Look(id, claim);
        return id;
    }

    private bool Look(long id, Claim claim) => losses.Look(id, claim);

    /// <summary>Whose renewal is overdue holds on to its claim for as long as it may be believed: nobody else may have it yet.</summary>
    private async Task ClingAsync(long id, Claim claim)
    {
        while (claim.State == ClaimState.AtRisk && Look(id, claim))
        {
            await PauseAsync(40);
        }
    }

    private async Task EndAsync(long id, Claim claim)
    {
        bool held = Look(id, claim);
        journal.Tell($"end {id} {journal.Now} {(held ? "released" : "lost" + LossWatch.Cause(claim))}");
        if (claim.State == ClaimState.Lost)
        {
            await LostAsync(id, claim);
            losses.Remove(id);
            return;
        }

        losses.Remove(id);
        if (await ReleaseAsync(claim) == false)
        {
            journal.Tell($"gone {id}");
        }
    }

    private Task PauseAsync(int milliseconds) => Task.Delay(TimeSpan.FromMilliseconds(random.Next(milliseconds)), TimeProvider.System);
}
