namespace Conclave.Servers;

/// <summary>The programs of a server.</summary>
/// <param name="Name">Its name, such as <c>etcd-3.5</c>.</param>
/// <param name="Folder">Where its programs are.</param>
public sealed record ServerBinary(string Name, string Folder)
{
    /// <summary>The libraries that it was unpacked with; null if it needs none but those of the system.</summary>
    internal string? Libraries { get; init; }

    /// <summary>The beginning of a command line that runs one of the programs.</summary>
    internal string[] Program(string name)
    {
        string program = Path.Combine(Folder, name);
        return Libraries is null ? [program] : ["env", $"LD_LIBRARY_PATH={Libraries}", program];
    }
}
