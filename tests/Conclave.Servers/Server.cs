namespace Conclave.Servers;

/// <summary>
/// A real server of a test: a process of its own with free ports and a folder of its own, which are gone when it is disposed, or when
/// the test process is gone in whatever way.
/// </summary>
public abstract class Server : IAsyncDisposable
{
    private protected Server(ServerBinary binary, ReservedPorts ports)
    {
        (Binary, Ports) = (binary, ports);
        Folder = Directory.CreateTempSubdirectory($"conclave-{binary.Name}-").FullName;
    }

    /// <summary>127.0.0.1.</summary>
    public string Host => "127.0.0.1";

    /// <summary>The port for clients, which stays the same over restarts.</summary>
    public int Port => Ports[0];

    /// <summary>The programs of the server.</summary>
    public ServerBinary Binary { get; }

    /// <summary>Its process; the last one if there is none now.</summary>
    public int ProcessId => Process?.ProcessId ?? 0;

    /// <summary>Whether its process is there, running or stopped.</summary>
    public bool IsAlive => Process is { Exited.IsCompleted: false };

    /// <summary>All that belongs to it: its log, its data, its certificates.</summary>
    public string Folder { get; }

    /// <summary>Where it keeps its data.</summary>
    public string DataFolder => Path.Combine(Folder, "data");

    /// <summary>How long a server may take until it answers.</summary>
    /// <value>30 seconds, which only a hang reaches.</value>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>What it has written so far.</summary>
    public string Log => File.Exists(LogFile) ? ReadLog() : "";

    internal ReservedPorts Ports { get; }

    internal string LogFile => Path.Combine(Folder, "log");

    private protected Keeper? Process { get; private set; }

    /// <summary>Runs in the shell of the keeper, when the server is dead for good.</summary>
    private protected virtual string Cleanup => "";

    /// <summary>SIGKILL to the server and to all that it started. A dead server stays dead.</summary>
    public void Kill()
    {
        if (IsAlive)
        {
            ProcessTree.Kill(ProcessId);
        }
    }

    /// <summary>SIGSTOP: connections stay, nothing answers.</summary>
    public void Stop()
    {
        if (IsAlive)
        {
            ProcessTree.Stop(ProcessId);
        }
    }

    /// <summary>SIGCONT.</summary>
    public void Continue()
    {
        if (IsAlive)
        {
            ProcessTree.Continue(ProcessId);
        }
    }

    /// <summary>Waits until the process has ended, by itself or because it was killed.</summary>
    /// <returns>Its exit code, or 128 and the signal.</returns>
    public Task<int> ExitedAsync(CancellationToken cancellationToken = default) =>
        Process is { } process ? process.Exited.WaitAsync(cancellationToken) : Task.FromResult(-1);

    /// <summary>Kills the server, if it lives, and starts it again with the same ports and data.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken = default)
    {
        await EndAsync();
        await StartAsync(cancellationToken);
    }

    /// <summary>Kills the server, if it lives, and starts it again with the same ports and nothing else, as a machine with a new disk.</summary>
    public virtual async Task RestartWithoutDataAsync(CancellationToken cancellationToken = default)
    {
        await EndAsync();
        Directory.Delete(DataFolder, recursive: true);
        await StartAsync(cancellationToken);
    }

    /// <summary>Kills the server and removes its folder.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Process is { } process)
        {
            await process.DisposeAsync();
        }

        if (Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }

        Ports.Dispose();
        await DisposeMoreAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Ends the process and keeps the data.</summary>
    internal async Task EndAsync()
    {
        if (Process is { } process)
        {
            Process = null;
            await process.LeaveAsync();
        }
    }

    /// <summary>Starts the process and waits until it answers.</summary>
    internal async Task StartAsync(CancellationToken cancellationToken)
    {
        bool isNew = !Directory.Exists(DataFolder);
        if (isNew)
        {
            Directory.CreateDirectory(DataFolder);
            await PrepareAsync(cancellationToken);
        }

        string cleanup = $"{Cleanup}\n";
        Process = await Keeper.StartAsync(Folder, LogFile, CommandLine(), cleanup, cancellationToken);
        await ReadyAsync(cancellationToken);
        if (isNew)
        {
            await ConfigureAsync(cancellationToken);
        }
    }

    /// <summary>Waits until the server answers.</summary>
    /// <exception cref="ServerFailedException">It ended, or did not answer in time; the message holds the end of its log.</exception>
    internal Task ReadyAsync(CancellationToken cancellationToken) => Readiness.WaitAsync(this, ProbeAsync, cancellationToken);

    internal string LogTail()
    {
        string[] lines = Log.Split('\n');
        return string.Join('\n', lines.TakeLast(30));
    }

    private protected abstract IEnumerable<string> CommandLine();

    /// <returns>Whether the server does what it is for. An exception means no.</returns>
    private protected abstract Task<bool> ProbeAsync(CancellationToken cancellationToken);

    /// <summary>Fills the empty data folder, for a server that does not by itself.</summary>
    private protected virtual Task PrepareAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Sets up a server that has just begun with an empty data folder.</summary>
    private protected virtual Task ConfigureAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private protected virtual ValueTask DisposeMoreAsync() => default;

    private string ReadLog()
    {
        using var stream = new FileStream(LogFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
