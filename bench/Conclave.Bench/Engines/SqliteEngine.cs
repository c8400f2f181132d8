using Conclave.Servers;
using SQLitePCL;

namespace Conclave.Bench;

/// <summary>A file, in the folder for temporary files.</summary>
internal sealed class SqliteEngine() : Engine("sqlite")
{
    private readonly TemporaryFolder _folder = new();

    protected override string Version
    {
        get
        {
            Batteries_V2.Init();
            return $"SQLite {raw.sqlite3_libversion().utf8_to_string()}";
        }
    }

    public string File(string space) => _folder.File($"{space}.db");

    public override string Uri(string space, FaultProxy? through = null) => $"sqlite:{File(space)}";

    public override ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return default;
    }
}
