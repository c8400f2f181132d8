using Conclave.Storage;

namespace Conclave.Sqlite;

/// <summary>Makes stores from URIs like <c>sqlite:PATH</c> and <c>sqlite:///absolute/PATH</c>. There are no options.</summary>
public sealed class SqliteStoreProvider : IStoreProvider
{
    /// <inheritdoc/>
    public string Scheme => "sqlite";

    /// <inheritdoc/>
    public IStore Create(StoreUri uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        if (uri.Hosts.Count > 0 || uri.User is not null)
        {
            throw new StoreConfigurationException(
                $"A SQLite store has no host, '{uri}' names one; write 'sqlite:PATH' or 'sqlite:///PATH' with three slashes.");
        }

        uri.CheckOptions();
        if (uri.Path.Length == 0 || uri.Path.Contains('\0', StringComparison.Ordinal))
        {
            throw new StoreConfigurationException("A SQLite store needs the path of a file; write 'sqlite:PATH'.");
        }

        return new SqliteStore(uri.Path);
    }
}

/// <summary>Teaches a catalog the SQLite engine.</summary>
public static class SqliteStoreCatalogExtensions
{
    /// <summary>Adds the scheme <c>sqlite</c>.</summary>
    /// <param name="catalog">The catalog.</param>
    /// <returns>The catalog.</returns>
    public static StoreCatalog AddSqlite(this StoreCatalog catalog)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return catalog.Add(new SqliteStoreProvider());
    }
}
