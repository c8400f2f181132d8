using System.Text;
using Conclave.Storage;

namespace Conclave.Etcd.Tests;

/// <summary>How a store is named and set up.</summary>
public sealed class OptionsTests
{
    [Fact]
    public async Task A_catalog_with_etcd_makes_stores_of_uris()
    {
        var catalog = new StoreCatalog().AddEtcd();

        await using var store = catalog.Create(StoreUri.Parse("etcd://one:1000,two/apps/orders"));

        Assert.Equal(["etcd", "memory"], catalog.Schemes);
        Assert.Equal(("etcd", "one:1000,two:2379/apps/orders"), (store.Description.Engine, store.Description.Address));
        Assert.Equal((StoreReach.Network, StoreDurability.Everything, ExpiryClock.Monotonic),
            (store.Description.Reach, store.Description.Durability, store.Description.ExpiryClock));
    }

    [Fact]
    public void A_uri_says_everything()
    {
        var options = Parse("etcd://ann:p%40ss@[::1]:1,host/ns?tls=true&ca=/a&cert=/b&key=/c");
        Assert.Equal([new("::1", 1), new StoreHost("host", null)], options.Endpoints);
        Assert.Equal(("ns", true, "/a", "/b", "/c"), (options.Namespace, options.UsesTls, options.CaFile, options.CertificateFile, options.KeyFile));
        Assert.Equal(("ann", "p@ss"), (options.User, options.Password));

        options = Parse("etcd://host?user=ann&password=x");
        Assert.Equal(("conclave", false, "ann", "x"), (options.Namespace, options.UsesTls, options.User, options.Password));
        Assert.True(Parse("etcd://host?ca=/a").UsesTls);
        Assert.Equal("/locks", Parse("etcd://host//locks").Namespace);
    }

    [Theory]
    [InlineData("etcd:ns", "Endpoints")]
    [InlineData("etcd://h/ns/", "Namespace")]
    [InlineData("etcd://h/a%00b", "Namespace")]
    [InlineData("etcd://h?tls=yes", "true or false")]
    [InlineData("etcd://h?tls=false&ca=/a", "Tls")]
    [InlineData("etcd://h?key=/a", "KeyFile")]
    [InlineData("etcd://ann@h", "Password")]
    [InlineData("etcd://ann:hunter2@h?user=bob", "twice")]
    [InlineData("etcd://h?password=hunter2", "User")]
    [InlineData("etcd://h?nonsense=1", "nonsense")]
    [InlineData("etcd://h h", "Endpoints")]
    [InlineData("sqlite:x", "etcd://")]
    public void A_part_that_does_not_fit_is_named_and_secrets_are_not_printed(string uri, string words)
    {
        var error = Assert.Throws<StoreConfigurationException>(() => Parse(uri));

        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Options_are_checked_where_they_enter_and_never_print_the_password()
    {
        var good = new EtcdStoreOptions { Endpoints = [new("h", 1)], User = "ann", Password = "hunter2" };
        Assert.Contains("ann", good.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", good.ToString(), StringComparison.Ordinal);

        Assert.Throws<ArgumentException>(() => new EtcdStore(good with { Endpoints = [] }));
        Assert.Throws<ArgumentException>(() => new EtcdStore(good with { Endpoints = [new("h", 70000)] }));
        Assert.Throws<ArgumentException>(() => new EtcdStore(good with { Endpoints = [.. Enumerable.Repeat(new StoreHost("h", 1), 17)] }));
        Assert.Throws<ArgumentException>(() => new EtcdStore(good with { Namespace = new('x', 257) }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new EtcdStore(good with { AnswerTimeout = TimeSpan.Zero }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new EtcdStore(good with { ConnectTimeout = TimeSpan.FromHours(1) }));
    }

    [Fact]
    public void Keys_lie_where_the_tools_of_etcd_look_and_everything_is_in_one_range()
    {
        var keys = new EtcdKeys("ns");

        Assert.Equal("ns/lock/a%2Fb/1f", Encoding.UTF8.GetString(keys.Of("lock/a%2Fb/1f").Span));
        Assert.Equal("lock/é", keys.Name(keys.Of("lock/é")));
        Assert.True(Inside(keys.Of(" ")) && Inside(keys.Of("\U0010FFFF")));
        Assert.False(Inside(keys.Format) || Inside(keys.Liveness("1f")));
        Assert.StartsWith("ns/", keys.Format.ToStringUtf8(), StringComparison.Ordinal);

        bool Inside(Google.Protobuf.ByteString key) =>
            key.Span.SequenceCompareTo(keys.First.Span) >= 0 && key.Span.SequenceCompareTo(keys.End.Span) < 0;
    }

    [Theory]
    [InlineData("1f", 0x1fL)]
    [InlineData("7fffffffffffffff", long.MaxValue)]
    [InlineData("8000000000000000", null)]
    [InlineData("01f", null)]
    [InlineData("1F", null)]
    [InlineData("0", null)]
    [InlineData("", null)]
    [InlineData("-1", null)]
    [InlineData("1g", null)]
    [InlineData("11111111111111111", null)]
    public void A_session_is_a_lease_in_lower_case_hexadecimal(string id, long? lease)
    {
        Assert.Equal(lease, Leases.Parse(new(id)));
        Assert.True(lease is null || Leases.ToSession(lease.Value).Value == id);
    }

    [Fact]
    public void Little_is_public()
    {
        Assert.Equal(
            ["EtcdStore", "EtcdStoreCatalogExtensions", "EtcdStoreOptions", "EtcdStoreProvider"],
            typeof(EtcdStore).Assembly.GetExportedTypes().Select(t => t.Name).Order(StringComparer.Ordinal));
        Assert.All(
            typeof(EtcdStore).Assembly.GetReferencedAssemblies().Where(a => a.Name!.StartsWith("Conclave", StringComparison.Ordinal)),
            a => Assert.Equal("Conclave", a.Name));
    }

    private static EtcdStoreOptions Parse(string uri) => EtcdStoreProvider.ToOptions(StoreUri.Parse(uri));
}
