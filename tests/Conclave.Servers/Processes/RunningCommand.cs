namespace Conclave.Servers;

/// <summary>A program of a server that goes on until it is told to end: <c>etcdctl lock</c>, <c>consul lock</c>. Killed when it is disposed.</summary>
public sealed class RunningCommand : IAsyncDisposable
{
    private readonly Keeper _keeper;
    private readonly string _folder;

    private RunningCommand(Keeper keeper, string folder) => (_keeper, _folder) = (keeper, folder);

    /// <summary>Its process.</summary>
    public int ProcessId => _keeper.ProcessId;

    /// <summary>How it ended: its exit code, or 128 and the signal.</summary>
    public Task<int> Exited => _keeper.Exited;

    /// <summary>Everything that it wrote to its standard error so far.</summary>
    public string Error => File.Exists(Path.Combine(_folder, "log")) ? File.ReadAllText(Path.Combine(_folder, "log")) : "";

    internal static async Task<RunningCommand> StartAsync(IEnumerable<string> command, CancellationToken cancellationToken = default)
    {
        string folder = Directory.CreateTempSubdirectory("conclave-command-").FullName;
        return new(await Keeper.StartAsync(folder, "-", command, "", cancellationToken), folder);
    }

    /// <summary>The next line of its standard output, or null at the end.</summary>
    public async Task<string?> ReadLineAsync(CancellationToken cancellationToken = default) => await _keeper.Output.ReadLineAsync(cancellationToken);

    /// <summary>Asks it to end as a terminal does: a lock is released.</summary>
    public void Interrupt() => Signal(Posix.Interrupt);

    /// <summary>SIGTERM.</summary>
    public void Terminate() => Signal(Posix.Terminate);

    /// <summary>SIGSTOP: it holds what it holds, and does nothing.</summary>
    public void Stop() => ProcessTree.Stop(ProcessId);

    /// <summary>SIGCONT.</summary>
    public void Continue() => ProcessTree.Continue(ProcessId);

    /// <summary>SIGKILL.</summary>
    public void Kill()
    {
        if (!Exited.IsCompleted)
        {
            ProcessTree.Kill(ProcessId);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _keeper.DisposeAsync();

    private void Signal(int signal)
    {
        if (!Exited.IsCompleted)
        {
            Posix.Signal(ProcessId, signal);
        }
    }
}
