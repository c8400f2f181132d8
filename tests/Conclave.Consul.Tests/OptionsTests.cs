using Conclave.Storage;

namespace Conclave.Consul.Tests;

/// <summary>How a store is named and set up.</summary>
public sealed class OptionsTests
{
    [Fact]
    public async Task A_catalog_with_Consul_makes_stores_of_uris()
    {
        var catalog = new StoreCatalog().AddConsul();

        await using var store = catalog.Create(StoreUri.Parse("consul://one:1000,two/apps/orders"));

        Assert.Equal(["consul", "memory"], catalog.Schemes);
        Assert.Equal(("consul", "one:1000,two:8500/apps/orders"), (store.Description.Engine, store.Description.Address));
        Assert.Equal((StoreReach.Network, StoreDurability.Everything, ExpiryClock.Monotonic),
            (store.Description.Reach, store.Description.Durability, store.Description.ExpiryClock));
        Assert.Equal(TimeSpan.FromSeconds(32), store.Description.LatestExpiry(TimeSpan.FromSeconds(15)));
        Assert.Equal(TimeSpan.FromSeconds(10), store.Description.MinTimeToLive);
    }

    [Fact]
    public void A_uri_says_everything()
    {
        var options = Parse("consul://[::1]:1,host/ns?token=hunter2&dc=east&tls=true&ca=/a&cert=/b&key=/c&minttl=3");
        Assert.Equal([new("::1", 1), new StoreHost("host", null)], options.Agents);
        Assert.Equal(("ns", true, "/a", "/b", "/c"), (options.Namespace, options.UsesTls, options.CaFile, options.CertificateFile, options.KeyFile));
        Assert.Equal(("hunter2", "east", TimeSpan.FromSeconds(3)), (options.Token, options.Datacenter, options.MinTimeToLive));

        Assert.Equal(("conclave", false, null), (Parse("consul://host").Namespace, Parse("consul://host").UsesTls, Parse("consul://host").Token));
        Assert.True(Parse("consul://host?ca=/a").UsesTls);
    }

    [Theory]
    [InlineData("consul:ns", "Agents")]
    [InlineData("consul://h/ns/", "Namespace")]
    [InlineData("consul://h//ns", "Namespace")]
    [InlineData("consul://h/a//b", "Namespace")]
    [InlineData("consul://h/a/../b", "Namespace")]
    [InlineData("consul://h/a%00b", "Namespace")]
    [InlineData("consul://h/a%EE%80%80", "Namespace")]
    [InlineData("consul://h?tls=yes", "true or false")]
    [InlineData("consul://h?tls=false&ca=/a", "Tls")]
    [InlineData("consul://h?key=/a", "KeyFile")]
    [InlineData("consul://h?token=hunter2%0Ax", "Token")]
    [InlineData("consul://h?minttl=1&token=hunter2", "MinTimeToLive")]
    [InlineData("consul://h?minttl=x", "seconds")]
    [InlineData("consul://ann:hunter2@h", "token")]
    [InlineData("consul://h?nonsense=1", "nonsense")]
    [InlineData("consul://h h", "Agents")]
    [InlineData("sqlite:x", "consul://")]
    public void A_part_that_does_not_fit_is_named_and_secrets_are_not_printed(string uri, string words)
    {
        var error = Assert.Throws<StoreConfigurationException>(() => Parse(uri));

        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Options_never_print_the_token()
    {
        var options = new ConsulStoreOptions { Agents = [new("h", 1)], Token = "hunter2" };
        Assert.DoesNotContain("hunter2", options.ToString(), StringComparison.Ordinal);
        Assert.Contains("Namespace = conclave", options.ToString(), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new ConsulStore(options with { AnswerTimeout = TimeSpan.Zero }));
    }

    private static ConsulStoreOptions Parse(string uri) => ConsulStoreProvider.ToOptions(StoreUri.Parse(uri));
}
