using System.Diagnostics;
using Conclave.Servers;

namespace Conclave.Bench;

internal sealed class PostgresEngine(PostgresServer server) : Engine("postgres")
{
    public override PostgresServer Server => server;

    protected override string Version
    {
        get
        {
            using var asked = Process.Start(new ProcessStartInfo(Path.Combine(server.Binary.Folder, "postgres"), ["--version"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            string version = asked.StandardOutput.ReadToEnd().Trim();
            asked.WaitForExit();
            return $"{(version.Length > 0 ? version : server.Binary.Name)} (fsync on)";
        }
    }

    public override string Uri(string space, FaultProxy? through = null) => $"postgres://postgres@{server.Host}:{through?.Port ?? server.Port}/postgres?namespace={space}";

    public override ValueTask DisposeAsync() => server.DisposeAsync();
}
