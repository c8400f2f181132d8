using Conclave.Storage;

namespace Conclave.Etcd;

/// <summary>
/// Makes stores from URIs like <c>etcd://host:port,host:port/namespace?tls=true&amp;ca=FILE&amp;cert=FILE&amp;key=FILE&amp;user=NAME</c>. A user may
/// also be given as <c>etcd://user:password@host…</c>; its password also as the option <c>password</c>. Without a port it is 2379, without a
/// namespace it is <c>conclave</c>.
/// </summary>
public sealed class EtcdStoreProvider : IStoreProvider
{
    /// <inheritdoc/>
    public string Scheme => "etcd";

    /// <inheritdoc/>
    public IStore Create(StoreUri uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        return new EtcdStore(ToOptions(uri));
    }

    internal static EtcdStoreOptions ToOptions(StoreUri uri)
    {
        if (uri.Scheme != "etcd")
        {
            throw new StoreConfigurationException($"An etcd store is named like 'etcd://HOST:PORT/NAMESPACE', not '{uri}'.");
        }

        uri.CheckOptions("tls", "ca", "cert", "key", "user", "password");
        if (uri.User is not null && uri.Options.ContainsKey("user"))
        {
            throw new StoreConfigurationException($"The etcd store '{uri}' names its user twice.");
        }

        var options = new EtcdStoreOptions
        {
            Endpoints = uri.Hosts,
            Tls = Flag(uri, "tls"),
            CaFile = uri.Options.GetValueOrDefault("ca"),
            CertificateFile = uri.Options.GetValueOrDefault("cert"),
            KeyFile = uri.Options.GetValueOrDefault("key"),
            User = uri.User ?? uri.Options.GetValueOrDefault("user"),
            Password = uri.Password ?? uri.Options.GetValueOrDefault("password"),
        };
        options = uri.Path.Length == 0 ? options : options with { Namespace = uri.Path };
        try
        {
            options.Check();
            return options;
        }
        catch (ArgumentException e)
        {
            throw new StoreConfigurationException($"The etcd store '{uri}' does not fit: {e.Message}", e);
        }
    }

    private static bool? Flag(StoreUri uri, string name) => uri.Options.GetValueOrDefault(name) switch
    {
        null => null,
        "true" => true,
        "false" => false,
        var other => throw new StoreConfigurationException($"The etcd store's option '{name}' is true or false, not '{other}'."),
    };
}

/// <summary>Teaches a catalog the etcd engine.</summary>
public static class EtcdStoreCatalogExtensions
{
    /// <summary>Adds the scheme <c>etcd</c>.</summary>
    /// <param name="catalog">The catalog.</param>
    /// <returns>The catalog.</returns>
    public static StoreCatalog AddEtcd(this StoreCatalog catalog)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return catalog.Add(new EtcdStoreProvider());
    }
}
