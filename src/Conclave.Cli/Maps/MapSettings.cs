namespace Conclave.Cli;

/// <summary>What a map command was asked for, checked.</summary>
/// <param name="Global">The options of every command.</param>
/// <param name="Name">The map.</param>
/// <param name="HasIntegerKeys">Keys are whole numbers.</param>
/// <param name="IsText">Values are texts, given and printed without the quotes of JSON.</param>
internal sealed record MapSettings(GlobalSettings Global, string Name, bool HasIntegerKeys, bool IsText)
{
    /// <summary>The map, with values as the bytes that are stored.</summary>
    public DistributedMap<string, byte[]> Of(ConclaveClient client) =>
        client.Map(Name, StoredBytes.Instance, new MapOptions<string> { KeyFormat = HasIntegerKeys ? new IntegerTextKeys() : null });
}
