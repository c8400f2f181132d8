using System.Globalization;
using Conclave.Storage;

namespace Conclave.Consul;

/// <summary>
/// Makes stores from URIs like <c>consul://host:port,host:port/namespace?token=TOKEN&amp;dc=NAME&amp;tls=true&amp;ca=FILE&amp;cert=FILE&amp;key=FILE&amp;minttl=SECONDS</c>.
/// Without a port it is 8500, with TLS 8501; without a namespace it is <c>conclave</c>.
/// </summary>
public sealed class ConsulStoreProvider : IStoreProvider
{
    /// <inheritdoc/>
    public string Scheme => "consul";

    /// <inheritdoc/>
    public IStore Create(StoreUri uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        return new ConsulStore(ToOptions(uri));
    }

    internal static ConsulStoreOptions ToOptions(StoreUri uri)
    {
        if (uri.Scheme != "consul")
        {
            throw new StoreConfigurationException($"A Consul store is named like 'consul://HOST:PORT/NAMESPACE', not '{uri}'.");
        }

        uri.CheckOptions("token", "dc", "tls", "ca", "cert", "key", "minttl");
        if (uri.User is not null)
        {
            throw new StoreConfigurationException($"The Consul store '{uri}' names a user; Consul knows tokens only: write '?token=TOKEN'.");
        }

        var options = new ConsulStoreOptions
        {
            Agents = uri.Hosts,
            Token = uri.Options.GetValueOrDefault("token"),
            Datacenter = uri.Options.GetValueOrDefault("dc"),
            Tls = Flag(uri, "tls"),
            CaFile = uri.Options.GetValueOrDefault("ca"),
            CertificateFile = uri.Options.GetValueOrDefault("cert"),
            KeyFile = uri.Options.GetValueOrDefault("key"),
        };
        options = uri.Path.Length == 0 ? options : options with { Namespace = uri.Path };
        options = uri.Options.ContainsKey("minttl") ? options with { MinTimeToLive = Seconds(uri, "minttl") } : options;
        try
        {
            options.Check();
            return options;
        }
        catch (ArgumentException e)
        {
            throw new StoreConfigurationException($"The Consul store '{uri}' does not fit: {e.Message}", e);
        }
    }

    private static bool? Flag(StoreUri uri, string name) => uri.Options.GetValueOrDefault(name) switch
    {
        null => null,
        "true" => true,
        "false" => false,
        var other => throw new StoreConfigurationException($"The Consul store's option '{name}' is true or false, not '{other}'."),
    };

    private static TimeSpan Seconds(StoreUri uri, string name) =>
        uint.TryParse(uri.Options[name], NumberStyles.None, CultureInfo.InvariantCulture, out uint seconds)
            ? TimeSpan.FromSeconds((double)seconds)
            : throw new StoreConfigurationException($"The Consul store's option '{name}' is a number of seconds, not '{uri.Options[name]}'.");
}

/// <summary>Teaches a catalog the Consul engine.</summary>
public static class ConsulStoreCatalogExtensions
{
    /// <summary>Adds the scheme <c>consul</c>.</summary>
    /// <param name="catalog">The catalog.</param>
    /// <returns>The catalog.</returns>
    public static StoreCatalog AddConsul(this StoreCatalog catalog)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return catalog.Add(new ConsulStoreProvider());
    }
}
