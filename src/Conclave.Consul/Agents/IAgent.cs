namespace Conclave.Consul;

/// <summary>A request to Consul's HTTP API.</summary>
/// <param name="Method">GET or PUT.</param>
/// <param name="Path">The path, escaped, with its query.</param>
/// <param name="Body">The body, or nothing.</param>
/// <param name="Timeout">How long the answer may take.</param>
/// <param name="IsGood">Which statuses the caller understands besides 200.</param>
internal sealed record ConsulRequest(HttpMethod Method, string Path, ReadOnlyMemory<byte> Body, TimeSpan Timeout, params int[] IsGood);

/// <summary>An answer of Consul that the caller understands.</summary>
/// <param name="Status">Its HTTP status.</param>
/// <param name="Body">Its body.</param>
/// <param name="Index">X-Consul-Index, or 0.</param>
/// <param name="Date">The agent's wall clock, or null.</param>
internal sealed record ConsulAnswer(int Status, byte[] Body, long Index = 0, DateTimeOffset? Date = null);

/// <summary>One agent, as far as a call needs it. Tests put others in its place.</summary>
internal interface IAgent : IDisposable
{
    /// <summary>Where it is.</summary>
    string Address { get; }

    /// <summary>Sends a request and reads the answer.</summary>
    /// <exception cref="AgentException">It failed.</exception>
    ValueTask<ConsulAnswer> CallAsync(ConsulRequest request, CancellationToken cancellationToken);
}
