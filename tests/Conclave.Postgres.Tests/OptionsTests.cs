using Conclave.Storage;
using Npgsql;

namespace Conclave.Postgres.Tests;

/// <summary>How a store is named.</summary>
public sealed class OptionsTests
{
    [Fact]
    public void A_uri_says_everything()
    {
        var options = PostgresStoreProvider.ToOptions(StoreUri.Parse(
            "postgres://ann:se%40cret@one:6543,two/app?schema=locks&namespace=billing&sslmode=verify-full&sslrootcert=/ca.pem&pooler=true&listen=direct:5433"));

        Assert.Equal([new("one", 6543), new("two", null)], options.Hosts);
        Assert.Equal(("ann", "se@cret", "app"), (options.User, options.Password, options.Database));
        Assert.Equal(("locks", "billing"), (options.Schema, options.Namespace));
        Assert.Equal((SslMode.VerifyFull, "/ca.pem", true), (options.SslMode, options.RootCertificateFile, options.Pooler));
        Assert.Equal(new StoreHost("direct", 5433), options.ListenHost);
    }

    [Fact]
    public async Task A_short_uri_means_the_defaults_and_a_catalog_makes_the_store()
    {
        await using var store = new StoreCatalog().AddPostgres().Create(StoreUri.Parse("postgres://ann@db.example/app"));

        Assert.Equal("postgres", store.Description.Engine);
        Assert.Equal("db.example/app schema conclave namespace conclave", store.Description.Address);
        Assert.Equal(ExpiryClock.Observed, store.Description.ExpiryClock);
        Assert.Equal(TimeSpan.FromSeconds(31), store.Description.LatestExpiry(TimeSpan.FromSeconds(15)));
    }

    [Theory]
    [InlineData("postgres:///app", "Hosts")]
    [InlineData("postgres://ann@h/app?sslmode=maybe", "sslmode")]
    [InlineData("postgres://ann@h/app?pooler=yes", "pooler")]
    [InlineData("postgres://ann@h/app?listen=a:1/x", "listen")]
    [InlineData("postgres://ann@h/app?shema=x", "shema")]
    [InlineData("postgres://ann@h/app?schema=a%22b", "Schema")]
    [InlineData("postgres://ann:one@h/app?password=two", "password")]
    [InlineData("etcd://h/app", "postgres://")]
    public void What_does_not_fit_is_named(string uri, string word)
    {
        var error = Assert.Throws<StoreConfigurationException>(() => PostgresStoreProvider.ToOptions(StoreUri.Parse(uri)));

        Assert.Contains(word, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("two", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Printing_options_shows_no_password()
    {
        var options = new PostgresStoreOptions { Hosts = [new("h", null)], User = "ann", Password = "secret" };

        Assert.Contains("ann", options.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("secret", options.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        var good = new PostgresStoreOptions { Hosts = [new("h", null)] };
        good.Check();
        Assert.Throws<ArgumentOutOfRangeException>(() => (good with { MaxConnections = 1 }).Check());
        Assert.Throws<ArgumentOutOfRangeException>(() => (good with { AnswerTimeout = TimeSpan.Zero }).Check());
        Assert.Throws<ArgumentException>(() => (good with { Namespace = "" }).Check());
        Assert.Throws<ArgumentException>(() => (good with { DataSource = NpgsqlDataSource.Create("Host=h") }).Check());
    }

    [Fact]
    public void The_range_of_a_prefix_ends_where_its_last_character_is_raised()
    {
        Assert.Equal(new("a", "a\u0001"), KeyRange.Of(Read.Get("a")));
        Assert.Equal(new("a/", "a0"), KeyRange.Of(Read.Scan("a/")));
        Assert.Equal(new("a/b\u0001", "a0"), KeyRange.Of(Read.Scan("a/", "a/b")));
        Assert.Equal(new("a/", "a0"), KeyRange.Of(Read.Scan("a/", "Z")));
        Assert.Equal("\uE000", KeyRange.Of(Read.Scan("\uD7FF")).Upper);
        Assert.Equal("b", KeyRange.Of(Read.Scan("a\U0010FFFF")).Upper);
        Assert.Equal("\U00010000", KeyRange.Of(Read.Scan("\uFFFF")).Upper);
    }
}
