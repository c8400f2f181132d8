using System.Globalization;
using System.Text.Json;
using Conclave.Storage;

namespace Conclave.Consul;

/// <summary>Which agents will do.</summary>
internal static class ServerVersion
{
    /// <summary>Asks an agent for its version. Where a token may not ask, which is usual, nothing is known, and transactions say what they miss.</summary>
    /// <exception cref="StoreConfigurationException">It is older than 1.8, or no Consul.</exception>
    public static async ValueTask CheckAsync(AgentPool agents)
    {
        var request = new ConsulRequest(HttpMethod.Get, "/v1/agent/self", default, agents.AnswerTimeout, 403);
        var answer = await agents.CallAsync(request, mayRepeat: true, CancellationToken.None).ConfigureAwait(false);
        if (answer.Status == 200)
        {
            Check(Read(answer.Body), agents.Address);
        }
    }

    /// <exception cref="StoreConfigurationException">The agent is older than 1.8, or no Consul.</exception>
    public static void Check(string? version, string address)
    {
        string[] parts = version?.Split('.', '-', '+') ?? [];
        bool known = parts.Length >= 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int minor)
            && (major > 1 || (major == 1 && minor >= 8));
        if (!known)
        {
            throw new StoreConfigurationException(version is null
                ? $"No Consul answers at {address}."
                : $"Consul at {address} is version '{version}'; Conclave needs 1.8 or later.");
        }
    }

    private static string? Read(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.GetProperty("Config").GetProperty("Version").GetString();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return null;
        }
    }
}
