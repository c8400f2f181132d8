namespace Conclave.Ownership;

/// <summary>Adds mostly-correct ownership to a client.</summary>
public static class ConclaveClientExtensions
{
    /// <summary>Keys that usually have one owner at a time.</summary>
    /// <param name="client">The client; what is owned is given up when it is disposed.</param>
    /// <param name="prefix">What the keys have in common: 1 to 256 UTF-8 bytes without control characters. Keys of other prefixes are other keys.</param>
    /// <param name="options">The intervals, or null for the defaults. What is passed on within the process keeps those it was acquired with.</param>
    /// <returns>A handle; cheap and stateless.</returns>
    /// <exception cref="ArgumentException">The prefix is empty, too long or not well-formed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An interval is out of its range.</exception>
    public static MostlyCorrectOwner Owner(this ConclaveClient client, string prefix, OwnerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        return new(client.Coordinator, prefix, options ?? new());
    }
}
