namespace Conclave.Torture.Tests;

/// <summary>A few seconds of the campaigns that <c>./torture</c> runs for as long as one likes.</summary>
public abstract class ShortCampaign(string engine)
{
    [Fact]
    public async Task Nothing_goes_wrong_while_faults_overlap()
    {
        var output = TestContext.Current.TestOutputHelper!;
        var run = await TortureRun.RunAsync(
            new() { Engine = engine, Duration = TimeSpan.FromSeconds(8), Workers = 4, Seed = 11 }, output.WriteLine, TestContext.Current.CancellationToken);

        string report = TextReport.Of(run, "a test", "today", null);
        output.WriteLine(report);
        Assert.True(run.IsClean, report);

        // or it proved nothing
        Assert.True(run.Faults.Count >= 3, $"{run.Faults.Count} faults");
        Assert.All((string[])["lock", "leader", "semaphore", "ownership"], kind => Assert.True(run.History.Holds.Count(h => h.Kind == kind) >= 20, $"too few of {kind}"));
        Assert.True(run.HandOvers.Count >= 10, $"{run.HandOvers.Count} hand-overs to somebody who waited");
        Assert.All((string[])["counter", "map", "ownership"], kind =>
            Assert.True(run.History.Additions.Where(a => a.Key.Kind == kind).Sum(a => a.Value.Made) >= 20, $"too few additions to {kind}"));
        Assert.True(run.History.Accepted >= 10, $"{run.History.Accepted} writes");
    }
}

public sealed class SqliteCampaign() : ShortCampaign("sqlite");

public sealed class EtcdClusterCampaign() : ShortCampaign("etcd-cluster");

public sealed class ConsulCampaign() : ShortCampaign("consul");

public sealed class RedisCampaign() : ShortCampaign("redis");

public sealed class PostgresCampaign() : ShortCampaign("postgres");
