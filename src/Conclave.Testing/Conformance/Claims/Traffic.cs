using System.Collections.Concurrent;

namespace Conclave.Testing;

/// <summary>One grant, as a history remembers it: numbers of one sequence say what came before what.</summary>
/// <param name="Name">The name.</param>
/// <param name="Token">The token.</param>
/// <param name="Asked">When it was asked for.</param>
/// <param name="Granted">When its holder learned of it.</param>
internal sealed record Grant(string Name, FencingToken Token, long Asked, long Granted);

/// <summary>Random traffic of several clients on several names, and what it proves.</summary>
internal sealed class Traffic(ClaimRig rig, RigClient[] clients, bool sessionsEnd)
{
    private static readonly string[] Names = ["a", "b", "c"];

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Claim?> _newest = Names.ToDictionary(n => n, _ => (Claim?)null);
    private readonly Dictionary<string, FencedResource> _resources = Names.ToDictionary(n => n, _ => new FencedResource());
    private readonly ConcurrentQueue<Grant> _grants = [];
    private long _sequence;
    private int _waits;

    public int Grants => _grants.Count;

    /// <summary>How many grants had to wait for somebody.</summary>
    public int Waits => Volatile.Read(ref _waits);

    /// <summary>True when three of ten grants or more had to wait.</summary>
    public bool IsContended => Waits >= Grants * 3 / 10;

    /// <summary>Runs workers, several per client, each until its rounds are done and the run is strong enough.</summary>
    public Task RunAsync(int workers, int rounds, Func<bool> isStrong, TimeSpan longest) => Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(async () =>
    {
        var random = new Random((rig.Harness.Seed * 1000) + worker);
        long start = TimeProvider.System.GetTimestamp();
        for (int i = 0; i < rounds || (!isStrong() && TimeProvider.System.GetElapsedTime(start) < longest); i++)
        {
            await OnceAsync(clients[worker % clients.Length], Names[random.Next(Names.Length)], random).ConfigureAwait(false);
        }
    })));

    /// <summary>Whoever asked after somebody was granted has a larger token, and no token is given twice.</summary>
    public void CheckOrder()
    {
        foreach (var name in _grants.GroupBy(g => g.Name))
        {
            var grants = name.OrderBy(g => g.Granted).ToArray();
            Check.Equal(grants.Length, grants.Select(g => g.Token).Distinct().Count(), $"different tokens among the grants of '{name.Key}'");
            FencingToken largest = default;
            int known = 0;
            foreach (var grant in grants.OrderBy(g => g.Asked))
            {
                for (; known < grants.Length && grants[known].Granted < grant.Asked; known++)
                {
                    largest = grants[known].Token > largest ? grants[known].Token : largest;
                }

                Check.That(grant.Token > largest, $"token {grant.Token} of '{name.Key}' was asked for after {largest} had been granted, and is not larger");
            }
        }
    }

    private async Task OnceAsync(RigClient client, string name, Random random)
    {
        long asked = Interlocked.Increment(ref _sequence);
        var acquire = client.Lock(name).AcquireAsync().AsTask();
        Interlocked.Add(ref _waits, acquire.IsCompleted ? 0 : 1);
        var claim = await acquire.ConfigureAwait(false);
        lock (_lock)
        {
            _grants.Enqueue(new(name, claim.Token, asked, Interlocked.Increment(ref _sequence)));
            if (!sessionsEnd)
            {
                Check.That(_newest[name] is not { } before || claim.Token > before.Token, $"token {claim.Token} of '{name}' follows {_newest[name]?.Token}");
                Check.That(_newest[name] is not { IsHeld: true }, $"'{name}' was granted with token {claim.Token} while {_newest[name]?.Token} holds it");
            }

            _newest[name] = claim;
        }

        try
        {
            await WriteAsync(claim, random).ConfigureAwait(false);
        }
        finally
        {
            await claim.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task WriteAsync(Claim claim, Random random)
    {
        for (int i = 0; i < 2; i++)
        {
            await Pause(random).ConfigureAwait(false);
            bool written = _resources[claim.Name].Write(claim.Token, "something");

            // looked at after the write: who holds even then must have been allowed to
            Check.That(written || sessionsEnd || !claim.IsHeld, $"the resource refused token {claim.Token} of '{claim.Name}', which is held");
            lock (_lock)
            {
                Check.That(sessionsEnd || _newest[claim.Name] == claim || !claim.IsHeld, $"two hold '{claim.Name}': {claim.Token} and {_newest[claim.Name]!.Token}");
            }
        }
    }

    private async Task Pause(Random random)
    {
        // long enough now and then that others come and wait
        if (rig.IsPlain && random.Next(3) > 0)
        {
            await Task.Yield();
        }
        else
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(4)), TimeProvider.System).ConfigureAwait(false);
        }
    }
}
