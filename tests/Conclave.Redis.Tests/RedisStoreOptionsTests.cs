using Conclave.Storage;

namespace Conclave.Redis.Tests;

public sealed class RedisStoreOptionsTests
{
    private static RedisStoreOptions Parse(string uri) => new RedisStoreProvider(uri.StartsWith("rediss", StringComparison.Ordinal)).Parse(StoreUri.Parse(uri));

    [Fact]
    public void A_uri_names_all_that_is_needed()
    {
        var options = Parse("rediss://app:p%40ss@one:7000,two/3?namespace=orders&waitReplicas=1&longestTtl=2m&trustEmpty=true&allowEviction=true");
        Assert.Equal([new("one", 7000), new StoreHost("two", null)], options.Hosts);
        Assert.Equal(("app", "p@ss", 3, "orders", true), (options.User, options.Password, options.Database, options.Namespace, options.UseTls));
        Assert.Equal((1, TimeSpan.FromMinutes(2), true, true), (options.WaitReplicas, options.LongestTimeToLive, options.TrustEmptyServer, options.AllowEviction));
        Assert.DoesNotContain("p@ss", options.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Little_is_enough()
    {
        var options = Parse("redis://localhost");
        Assert.Equal((null, null, 0, "default", false, false, false), (options.User, options.Password, options.Database, options.Namespace, options.UseTls, options.TrustEmptyServer, options.AllowEviction));
        Assert.Equal((TimeSpan.FromSeconds(30), 0), (options.LongestTimeToLive, options.WaitReplicas));
        Assert.Equal("secret", Parse("redis://:secret@localhost").Password);
        Assert.Null(Parse("redis://:secret@localhost").User);
        Assert.Equal("conclave:{default}:", options.Prefix);
        Assert.Equal(TimeSpan.FromMilliseconds(2500), Parse("redis://h?longestTtl=2500ms").LongestTimeToLive);
        Assert.Equal(TimeSpan.FromSeconds(45), Parse("redis://h?longestTtl=45").LongestTimeToLive);
    }

    [Theory]
    [InlineData("redis:x", "host")]
    [InlineData("redis://h/x", "number")]
    [InlineData("redis://h/-1", "number")]
    [InlineData("redis://h?nonsense=1", "nonsense")]
    [InlineData("redis://h?namespace=a{b", "Namespace")]
    [InlineData("redis://h?namespace=", "namespace")]
    [InlineData("redis://h?waitReplicas=x", "waitReplicas")]
    [InlineData("redis://h?waitReplicas=99", "WaitReplicas")]
    [InlineData("redis://h?longestTtl=1s", "LongestTimeToLive")]
    [InlineData("redis://h?longestTtl=soon", "longestTtl")]
    [InlineData("redis://h?trustEmpty=yes", "trustEmpty")]
    public void What_does_not_fit_is_named(string uri, string named) =>
        Assert.Contains(named, Assert.Throws<StoreConfigurationException>(() => Parse(uri)).Message, StringComparison.OrdinalIgnoreCase);

    [Fact]
    public async Task A_catalog_knows_both_schemes_and_the_store_says_what_it_guarantees()
    {
        var catalog = new StoreCatalog().AddRedis();
        Assert.Equal(["memory", "redis", "rediss"], catalog.Schemes);
        await using var store = catalog.Create(StoreUri.Parse("redis://user:secret@localhost:7000/1?namespace=n"));
        Assert.Equal("redis://localhost:7000/1?namespace=n", store.Description.Address);
        Assert.Equal((ExpiryClock.Observed, StoreReach.Network, StoreDurability.None), (store.Description.ExpiryClock, store.Description.Reach, store.Description.Durability));
        Assert.Equal(TimeSpan.FromSeconds(31), store.Description.LatestExpiry(TimeSpan.FromSeconds(15)));
        Assert.NotNull(store.Description.FailoverLoses);
    }

    [Theory]
    [InlineData("redis_version:6.2.1\nrole:master\nrun_id:x", "6.2.1")]
    [InlineData("redis_version:7.0.0\nrole:slave\nrun_id:x", "replica")]
    [InlineData("redis_version:7.0.0\nrole:master\nredis_mode:cluster\nrun_id:x", "cluster")]
    [InlineData("redis_version:7.0.0\nrole:master\ncluster_enabled:1\nrun_id:x", "not supported")]
    [InlineData("redis_version:7.0.0\nrole:master\nmaxmemory:1000\nmaxmemory_policy:volatile-lru\nrun_id:x", "volatile-lru")]
    [InlineData("redis_version:7.0.0\nrole:master", "run_id")]
    public void A_server_that_cannot_be_used_is_refused(string info, string named) =>
        Assert.Contains(named, Assert.Throws<StoreConfigurationException>(() => ServerInfo.Parse((info.Contains("maxmemory", StringComparison.Ordinal) ? "" : "maxmemory:0\n") + info, "h:1", false)).Message, StringComparison.Ordinal);
}
