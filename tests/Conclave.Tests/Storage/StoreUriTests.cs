using Conclave.Storage;

namespace Conclave.Tests.Storage;

public sealed class StoreUriTests
{
    [Fact]
    public void A_uri_has_a_scheme_hosts_a_path_and_options()
    {
        var uri = StoreUri.Parse("ETCD://ann:p%40ss@one:2379,[::1]:2380,three/prod/eu?tls=true&user=x%20y");

        Assert.Equal("etcd", uri.Scheme);
        Assert.Equal(("ann", "p@ss"), (uri.User, uri.Password));
        Assert.Equal([new("one", 2379), new("::1", 2380), new("three", null)], uri.Hosts);
        Assert.Equal("prod/eu", uri.Path);
        Assert.Equal("x y", uri.Options["user"]);
    }

    [Theory]
    [InlineData("sqlite:app.db", "app.db")]
    [InlineData("sqlite:/var/lib/app.db", "/var/lib/app.db")]
    [InlineData("sqlite:///var/lib/app.db", "/var/lib/app.db")]
    [InlineData("sqlite:with%20space.db", "with space.db")]
    [InlineData("memory:", "")]
    public void A_file_has_a_path_and_no_hosts(string text, string path)
    {
        var uri = StoreUri.Parse(text);
        Assert.Empty(uri.Hosts);
        Assert.Equal(path, uri.Path);
    }

    [Fact]
    public void Printing_never_shows_a_secret()
    {
        string text = StoreUri.Parse("consul://ann:hunter2@host:8500/ns?token=hunter2&dc=eu").ToString();

        Assert.DoesNotContain("hunter2", text, StringComparison.Ordinal);
        Assert.Equal("consul://ann:***@host:8500/ns?token=***&dc=eu", text);
    }

    [Theory]
    [InlineData("")]
    [InlineData("app.db")]
    [InlineData(":x")]
    [InlineData("9x:y")]
    [InlineData("etcd://host:0/")]
    [InlineData("etcd://host:port/")]
    [InlineData("etcd://a,,b/")]
    [InlineData("etcd://u:hunter2@host:99999/")]
    [InlineData("etcd://host/?tls")]
    [InlineData("etcd://host/?a=1&a=2")]
    public void What_is_no_uri_is_refused_without_showing_secrets(string text)
    {
        var e = Assert.Throws<StoreConfigurationException>(() => StoreUri.Parse(text));
        Assert.DoesNotContain("hunter2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_catalog_makes_the_store_of_a_scheme_and_names_those_it_knows()
    {
        var catalog = new StoreCatalog();
        await using var store = catalog.Create(StoreUri.Parse("memory:"));
        Assert.IsType<MemoryStore>(store);

        var unknown = Assert.Throws<StoreConfigurationException>(() => catalog.Create(StoreUri.Parse("zookeeper://h")));
        Assert.Contains("memory", unknown.Message, StringComparison.Ordinal);
        Assert.Contains("colour", Assert.Throws<StoreConfigurationException>(() => catalog.Create(StoreUri.Parse("memory:?colour=red"))).Message, StringComparison.Ordinal);
    }
}
