using System.Globalization;
using Conclave.Storage;

namespace Conclave.Redis;

/// <summary>
/// Makes stores from URIs like <c>redis://user:password@host:port/db?namespace=NAME</c>, and <c>rediss://…</c> for TLS. Options: <c>namespace</c>,
/// <c>waitReplicas</c>, <c>longestTtl</c> (such as <c>30s</c> or <c>2m</c>), <c>trustEmpty</c>, <c>allowEviction</c>; see <see cref="RedisStoreOptions"/>.
/// </summary>
public sealed class RedisStoreProvider : IStoreProvider
{
    private readonly bool _useTls;

    /// <summary>The engine for one of its two schemes.</summary>
    /// <param name="useTls">True for <c>rediss</c>.</param>
    public RedisStoreProvider(bool useTls = false) => _useTls = useTls;

    /// <inheritdoc/>
    public string Scheme => _useTls ? "rediss" : "redis";

    /// <inheritdoc/>
    public IStore Create(StoreUri uri) => new RedisStore(Parse(uri));

    internal RedisStoreOptions Parse(StoreUri uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        uri.CheckOptions("namespace", "waitReplicas", "longestTtl", "trustEmpty", "allowEviction");
        if (uri.Hosts.Count == 0)
        {
            throw new StoreConfigurationException($"A Redis store needs a host; write '{Scheme}://HOST:PORT/DB?namespace=NAME'.");
        }

        int database = 0;
        if (uri.Path.Length > 0 && !int.TryParse(uri.Path, NumberStyles.None, CultureInfo.InvariantCulture, out database))
        {
            throw new StoreConfigurationException($"The database of a Redis store is a number, not '{uri.Path}'; write '{Scheme}://HOST:PORT/0?namespace=NAME'.");
        }

        var defaults = new RedisStoreOptions();
        var options = new RedisStoreOptions
        {
            Hosts = uri.Hosts,
            User = string.IsNullOrEmpty(uri.User) ? null : uri.User,
            Password = uri.Password,
            Database = database,
            UseTls = _useTls,
            Namespace = uri.Options.GetValueOrDefault("namespace", defaults.Namespace),
            WaitReplicas = Number(uri, "waitReplicas"),
            LongestTimeToLive = Span(uri, "longestTtl") ?? defaults.LongestTimeToLive,
            TrustEmptyServer = Flag(uri, "trustEmpty"),
            AllowEviction = Flag(uri, "allowEviction"),
        };
        try
        {
            options.Check();
        }
        catch (ArgumentException e)
        {
            throw new StoreConfigurationException(e.Message, e);
        }

        return options;
    }

    private static bool Flag(StoreUri uri, string name) => uri.Options.GetValueOrDefault(name, "false") switch
    {
        "true" => true,
        "false" => false,
        var other => throw new StoreConfigurationException($"The option '{name}' of a Redis store is 'true' or 'false', not '{other}'."),
    };

    private static int Number(StoreUri uri, string name) =>
        int.TryParse(uri.Options.GetValueOrDefault(name, "0"), NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? number
            : throw new StoreConfigurationException($"The option '{name}' of a Redis store is a number, not '{uri.Options[name]}'.");

    private static TimeSpan? Span(StoreUri uri, string name)
    {
        if (!uri.Options.TryGetValue(name, out string? text))
        {
            return null;
        }

        var (digits, unit) = text.EndsWith("ms", StringComparison.Ordinal) ? (text[..^2], TimeSpan.FromMilliseconds(1))
            : text.EndsWith('s') ? (text[..^1], TimeSpan.FromSeconds(1))
            : text.EndsWith('m') ? (text[..^1], TimeSpan.FromMinutes(1))
            : (text, TimeSpan.FromSeconds(1));
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? number * unit
            : throw new StoreConfigurationException($"The option '{name}' of a Redis store is a time such as '30s' or '2m', not '{text}'.");
    }
}

/// <summary>Teaches a catalog the Redis engine.</summary>
public static class RedisStoreCatalogExtensions
{
    /// <summary>Adds the schemes <c>redis</c> and <c>rediss</c>.</summary>
    /// <param name="catalog">The catalog.</param>
    /// <returns>The catalog.</returns>
    public static StoreCatalog AddRedis(this StoreCatalog catalog)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return catalog.Add(new RedisStoreProvider()).Add(new RedisStoreProvider(useTls: true));
    }
}
