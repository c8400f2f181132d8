using Conclave.Servers;

namespace Conclave.Torture;

/// <summary>One file. There is no server to hurt.</summary>
internal sealed class SqliteArena : Arena
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("conclave-torture-");

    public override string Name => "sqlite";

    public override string Direct => $"sqlite:{Path.Combine(_folder.FullName, "torture.db")}";

    public override Task StartAsync() => Task.CompletedTask;

    public override (string Uri, IReadOnlyList<FaultProxy> Proxies) Way() => (Direct, []);

    public override IEnumerable<Fault> Faults(Random random) => [];

    public override ValueTask DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }
}
