using System.Globalization;

namespace Conclave.Redis;

/// <summary>What a server says about itself.</summary>
/// <param name="RunId">Names the server's process: another one with every start.</param>
/// <param name="UptimeSeconds">For how long it has run, by its wall clock.</param>
internal sealed record ServerInfo(string RunId, long UptimeSeconds)
{
    /// <summary>Reads the answer to INFO, and refuses servers that cannot be used.</summary>
    /// <param name="text">The answer.</param>
    /// <param name="address">The server, for messages.</param>
    /// <param name="allowEviction">Whether a server that drops keys when its memory is full may be used.</param>
    /// <exception cref="StoreConfigurationException">The server cannot be used.</exception>
    /// <exception cref="StoreUnavailableException">The server is loading its data.</exception>
    public static ServerInfo Parse(string text, string address, bool allowEviction)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            int colon = line.IndexOf(':');
            if (colon > 0)
            {
                fields[line[..colon].ToString()] = line[(colon + 1)..].ToString();
            }
        }

        string Field(string name) => fields.GetValueOrDefault(name, "");

        // Valkey gives the version of Redis it is compatible with
        if (!int.TryParse(Field("redis_version").Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major) || major < 7)
        {
            throw new StoreConfigurationException($"The server {address} is Redis '{Field("redis_version")}'; Redis 7 or Valkey 8 is needed.");
        }

        if (Field("cluster_enabled") == "1" || Field("redis_mode") is "cluster" or "sentinel")
        {
            throw new StoreConfigurationException(
                $"The server {address} runs in the mode '{Field("redis_mode")}', which is not supported; name a standalone master.");
        }

        if (Field("loading") == "1" || Field("async_loading") == "1")
        {
            throw new StoreUnavailableException($"The server {address} is loading its data.");
        }

        if (Field("role") != "master")
        {
            throw new StoreConfigurationException($"The server {address} is a replica; name its master.");
        }

        string policy = Field("maxmemory_policy");
        if (!allowEviction && Field("maxmemory") != "0" && policy != "noeviction")
        {
            throw new StoreConfigurationException(
                $"The server {address} drops keys when its memory is full (maxmemory-policy {policy}), and with them locks. Set 'maxmemory-policy noeviction', "
                + "or say allowEviction=true if losing locks is acceptable.");
        }

        return Field("run_id") is { Length: > 0 } run
            ? new(run, long.TryParse(Field("uptime_in_seconds"), NumberStyles.None, CultureInfo.InvariantCulture, out long uptime) ? uptime : 0)
            : throw new StoreConfigurationException($"The server {address} does not tell its run_id, without which a loss of its data goes unnoticed.");
    }
}
