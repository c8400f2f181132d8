namespace Conclave.Timekeeping;

/// <summary>What this package adds to a client.</summary>
public static class ClockGroupExtensions
{
    /// <summary>The clocks of all processes that join under a name, to be compared with each other.</summary>
    /// <param name="client">The client.</param>
    /// <param name="name">The name: 1 to 200 UTF-8 bytes without control characters.</param>
    /// <returns>A handle; cheap and stateless.</returns>
    /// <exception cref="ArgumentException">The name is empty, too long or not well-formed.</exception>
    public static ClockGroup Clocks(this ConclaveClient client, string name = "all")
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new(client.Group("clocks/" + name), name);
    }
}
