using System.Diagnostics;
using System.Globalization;

namespace Conclave.Servers;

/// <summary>A program that cannot outlive this process, however this process ends. See keeper.sh.</summary>
internal sealed class Keeper : IAsyncDisposable
{
    private static readonly string Script = ReadScript();

    private readonly Process _shell;
    private bool _isDisposed;

    private Keeper(Process shell) => _shell = shell;

    /// <summary>The program, which leads a session and a process group of its own.</summary>
    public int ProcessId { get; private set; }

    /// <summary>How the program ended: its exit code, or 128 and the signal.</summary>
    public Task<int> Exited { get; private set; } = Task.FromResult(-1);

    /// <summary>What the program writes, where it was started without a log.</summary>
    public StreamReader Output => _shell.StandardOutput;

    /// <param name="folder">Removed when the keeper is disposed, or when this process is gone.</param>
    /// <param name="log">The file that takes the output; "-" for <see cref="Output"/>.</param>
    /// <param name="command">The program and its arguments.</param>
    /// <param name="cleanup">Shell commands that run once the program is dead and before the folder goes.</param>
    /// <exception cref="InvalidOperationException">The program could not be started.</exception>
    public static async Task<Keeper> StartAsync(string folder, string log, IEnumerable<string> command, string cleanup, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("setsid", ["sh", "-c", Script, "keeper", folder, log, cleanup, .. command])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var keeper = new Keeper(Process.Start(start)!);
        try
        {
            string? first = await keeper._shell.StandardError.ReadLineAsync(cancellationToken);
            keeper.ProcessId = int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out int process)
                ? process
                : throw new InvalidOperationException($"The keeper of a server did not start it: {first}");
            keeper.Exited = keeper.ReadStatusAsync();
            return keeper;
        }
        catch
        {
            await keeper.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends the program and keeps its folder.</summary>
    public async Task LeaveAsync()
    {
        await EndAsync();
        await _shell.StandardInput.WriteLineAsync("leave");
        await DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        await EndAsync();
        try
        {
            _shell.StandardInput.Close();
        }
        catch (IOException)
        {
            // it has ended by itself
        }

        await _shell.WaitForExitAsync();
        _shell.Dispose();
    }

    /// <summary>Kills the program, which the keeper would do too, and waits until nothing of it is left.</summary>
    private async Task EndAsync()
    {
        var dying = Exited.IsCompleted ? [] : ProcessTree.Kill(ProcessId);
        await Exited;
        await ProcessTree.GoneAsync(dying);
    }

    private static string ReadScript()
    {
        using var reader = new StreamReader(typeof(Keeper).Assembly.GetManifestResourceStream("keeper.sh")!);
        return reader.ReadToEnd();
    }

    private async Task<int> ReadStatusAsync() =>
        int.TryParse(await _shell.StandardError.ReadLineAsync(), NumberStyles.None, CultureInfo.InvariantCulture, out int status) ? status : -1;
}
