using System.Diagnostics;

namespace Conclave.Cli.Tests;

/// <summary>A directory with a store of its own, and everything that is run in it. Fails a test that leaves processes behind.</summary>
internal sealed class Sandbox : IAsyncDisposable
{
    private readonly string _mark = Guid.NewGuid().ToString("n");
    private readonly List<CliProcess> _started = [];

    public static string Binary { get; } = Path.Combine(AppContext.BaseDirectory, "conclave");

    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("conclave-cli-").FullName;

    public string StorePath => Path.Combine(Directory, "store.db");

    public string Store => "sqlite:" + StorePath;

    public string PathOf(string name) => Path.Combine(Directory, name);

    /// <summary>Writes an executable script into the directory.</summary>
    public string Script(string name, string text)
    {
        string path = PathOf(name);
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    /// <summary>Starts conclave.</summary>
    public CliProcess Start(params string[] arguments) => Run(Binary, arguments, []);

    /// <summary>Starts any program, with the store in its environment.</summary>
    public CliProcess Run(string program, string[] arguments, (string Name, string? Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = Directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["CONCLAVE_STORE"] = Store;
        start.Environment["CONCLAVE_TEST"] = _mark;
        start.Environment["BINARY"] = Binary;
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
            if (value is null)
            {
                start.Environment.Remove(name);
            }
        }

        var process = new CliProcess(Process.Start(start)!);
        _started.Add(process);
        return process;
    }

    /// <summary>Runs conclave to its end.</summary>
    public Task<CliResult> RunAsync(params string[] arguments) => Start(arguments).FinishAsync();

    public async ValueTask DisposeAsync()
    {
        var leftovers = Leftovers();
        try
        {
            await Eventually.True(() => (leftovers = Leftovers()).Count == 0, "the end of all processes", TimeSpan.FromSeconds(5));
        }
        finally
        {
            leftovers.ForEach(p => Posix.Send(p, Posix.Kill));
            foreach (var process in _started)
            {
                await process.DisposeAsync();
            }

            System.IO.Directory.Delete(Directory, recursive: true);
        }
    }

    private List<int> Leftovers()
    {
        var watchdogs = _started.Select(p => $"conclave-watchdog\0{p.Id}-").ToArray();
        return Posix.Living(directory => File.ReadAllText(directory + "/environ").Contains(_mark, StringComparison.Ordinal)
            || File.ReadAllText(directory + "/cmdline") is var line && watchdogs.Any(w => line.Contains(w, StringComparison.Ordinal)));
    }
}
