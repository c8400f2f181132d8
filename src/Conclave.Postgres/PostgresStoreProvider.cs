using Conclave.Storage;
using Npgsql;

namespace Conclave.Postgres;

/// <summary>
/// Makes stores from URIs like
/// <c>postgres://user:password@host:port,host:port/database?schema=NAME&amp;namespace=NAME&amp;sslmode=MODE&amp;sslrootcert=FILE&amp;pooler=true&amp;listen=host:port</c>.
/// Without a port it is 5432; without a schema or a namespace it is <c>conclave</c>. <c>sslmode</c> is one of <c>disable</c>, <c>allow</c>,
/// <c>prefer</c>, <c>require</c>, <c>verify-ca</c>, <c>verify-full</c>.
/// </summary>
public sealed class PostgresStoreProvider : IStoreProvider
{
    /// <inheritdoc/>
    public string Scheme => "postgres";

    /// <inheritdoc/>
    public IStore Create(StoreUri uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        return new PostgresStore(ToOptions(uri));
    }

    internal static PostgresStoreOptions ToOptions(StoreUri uri)
    {
        if (uri.Scheme != "postgres")
        {
            throw new StoreConfigurationException($"A PostgreSQL store is named like 'postgres://USER@HOST:PORT/DATABASE', not '{uri}'.");
        }

        uri.CheckOptions("schema", "namespace", "sslmode", "sslrootcert", "pooler", "listen", "password");
        if (uri.Password is not null && uri.Options.ContainsKey("password"))
        {
            throw new StoreConfigurationException($"The PostgreSQL store '{uri}' names its password twice.");
        }

        var options = new PostgresStoreOptions
        {
            Hosts = uri.Hosts,
            Database = uri.Path.Length == 0 ? null : uri.Path,
            User = uri.User,
            Password = uri.Password ?? uri.Options.GetValueOrDefault("password"),
            SslMode = ToSslMode(uri.Options.GetValueOrDefault("sslmode")),
            RootCertificateFile = uri.Options.GetValueOrDefault("sslrootcert"),
            Pooler = ToFlag(uri.Options.GetValueOrDefault("pooler")),
            ListenHost = uri.Options.TryGetValue("listen", out string? listen) ? ToHost(listen) : null,
        };
        options = uri.Options.TryGetValue("schema", out string? schema) ? options with { Schema = schema } : options;
        options = uri.Options.TryGetValue("namespace", out string? name) ? options with { Namespace = name } : options;
        try
        {
            options.Check();
            return options;
        }
        catch (ArgumentException e)
        {
            throw new StoreConfigurationException($"The PostgreSQL store '{uri}' does not fit: {e.Message}", e);
        }
    }

    private static StoreHost ToHost(string text) => StoreUri.Parse($"postgres://{text}/") is { Hosts: [var host], User: null, Path: "" }
        ? host
        : throw new StoreConfigurationException($"The PostgreSQL store's option 'listen' is one host and port, not '{text}'.");

    private static bool? ToFlag(string? text) => text switch
    {
        null => null,
        "true" => true,
        "false" => false,
        _ => throw new StoreConfigurationException($"The PostgreSQL store's option 'pooler' is true or false, not '{text}'."),
    };

    private static SslMode ToSslMode(string? text) => text switch
    {
        null or "prefer" => SslMode.Prefer,
        "disable" => SslMode.Disable,
        "allow" => SslMode.Allow,
        "require" => SslMode.Require,
        "verify-ca" => SslMode.VerifyCA,
        "verify-full" => SslMode.VerifyFull,
        _ => throw new StoreConfigurationException(
            $"The PostgreSQL store's option 'sslmode' is disable, allow, prefer, require, verify-ca or verify-full, not '{text}'."),
    };
}

/// <summary>Teaches a catalog the PostgreSQL engine.</summary>
public static class PostgresStoreCatalogExtensions
{
    /// <summary>Adds the scheme <c>postgres</c>.</summary>
    /// <param name="catalog">The catalog.</param>
    /// <returns>The catalog.</returns>
    public static StoreCatalog AddPostgres(this StoreCatalog catalog)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return catalog.Add(new PostgresStoreProvider());
    }
}
