namespace Conclave.Torture.Tests;

/// <summary>A few seconds of the campaigns that <c>./torture</c> runs for as long as one likes.</summary>
public abstract class ShortCampaign(string engine)
{
    [Fact]
    public async Task Nothing_goes_wrong_while_faults_overlap()
    {
        var output = TestContext.Current.TestOutputHelper!;
        var run = await TortureRun.RunAsync(
            new() { Engine = engine, Duration = TimeSpan.FromSeconds(8), Workers = 4, Seed = 11, Enough = h => TooFew(h) is null }, output.WriteLine, TestContext.Current.CancellationToken);

        string report = TextReport.Of(run, "a test", "today", null);
        output.WriteLine(report);
        Assert.True(run.IsClean, report);

        // or it proved nothing
        Assert.True(run.Faults.Count >= 3, $"{run.Faults.Count} faults");
        Assert.Null(TooFew(run.History));
    }

    private static string? TooFew(History history)
    {
        var holds = history.Holds;
        var additions = history.Additions;
        int handOvers = ClaimOracles.HandOvers(holds).Count;
        return new string[] { "lock", "leader", "semaphore", "ownership" }.Where(kind => holds.Count(h => h.Kind == kind) < 20).Select(kind => $"too few of {kind}").FirstOrDefault()
            ?? new string[] { "counter", "map", "ownership" }.Where(kind => additions.Where(a => a.Key.Kind == kind).Sum(a => a.Value.Made) < 20).Select(kind => $"too few additions to {kind}").FirstOrDefault()
            ?? (handOvers < 10 ? $"{handOvers} hand-overs to somebody who waited" : null)
            ?? (history.Accepted < 10 ? $"{history.Accepted} writes" : null);
    }
}

public sealed class SqliteCampaign() : ShortCampaign("sqlite");

public sealed class EtcdClusterCampaign() : ShortCampaign("etcd-cluster");

public sealed class ConsulCampaign() : ShortCampaign("consul");

public sealed class RedisCampaign() : ShortCampaign("redis");

public sealed class PostgresCampaign() : ShortCampaign("postgres");
