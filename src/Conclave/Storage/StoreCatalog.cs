namespace Conclave.Storage;

/// <summary>Makes stores of one engine from URIs.</summary>
public interface IStoreProvider
{
    /// <summary>The scheme of the URIs it understands, in lower case.</summary>
    string Scheme { get; }

    /// <summary>Makes a store. Does no I/O.</summary>
    /// <param name="uri">The URI.</param>
    /// <returns>The store, owned by the caller.</returns>
    /// <exception cref="StoreConfigurationException">The URI has a part that does not fit.</exception>
    IStore Create(StoreUri uri);
}

/// <summary>The engines an application knows, by scheme. The application fills it; there is no global one.</summary>
public sealed class StoreCatalog
{
    private readonly SortedDictionary<string, IStoreProvider> _providers = new(StringComparer.Ordinal);

    /// <summary>A catalog that knows <c>memory:</c>.</summary>
    public StoreCatalog() => Add(new MemoryStoreProvider());

    /// <summary>The known schemes, in order.</summary>
    public IEnumerable<string> Schemes => _providers.Keys;

    /// <summary>Adds an engine; one that was there under the same scheme is replaced.</summary>
    /// <param name="provider">The engine.</param>
    /// <returns>This catalog.</returns>
    public StoreCatalog Add(IStoreProvider provider)
    {
        ArgumentNullException.ThrowIfNull(provider);
        _providers[provider.Scheme] = provider;
        return this;
    }

    /// <summary>Makes the store that a URI names. Does no I/O.</summary>
    /// <param name="uri">The URI.</param>
    /// <returns>The store, owned by the caller.</returns>
    /// <exception cref="StoreConfigurationException">No engine has this scheme, or the URI has a part that does not fit.</exception>
    public IStore Create(StoreUri uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        return _providers.TryGetValue(uri.Scheme, out var provider)
            ? provider.Create(uri)
            : throw new StoreConfigurationException($"No engine is known for the scheme '{uri.Scheme}'; known: {string.Join(", ", Schemes)}.");
    }

    private sealed class MemoryStoreProvider : IStoreProvider
    {
        public string Scheme => "memory";

        public IStore Create(StoreUri uri)
        {
            uri.CheckOptions();
            return new MemoryStore();
        }
    }
}
