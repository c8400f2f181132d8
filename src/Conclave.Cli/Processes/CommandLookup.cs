namespace Conclave.Cli.Processes;

/// <summary>Finds a command as a shell would, before anything is acquired.</summary>
internal static class CommandLookup
{
    private const int ExecutePermission = 1;

    /// <summary>The file that a command names.</summary>
    /// <param name="command">A path, when it holds a slash; otherwise a name to look for in PATH.</param>
    /// <param name="path">The value of PATH, or null.</param>
    /// <exception cref="CliException">127 when there is no such file, 126 when it cannot be executed.</exception>
    public static string Find(string command, string? path)
    {
        if (command.Length == 0)
        {
            throw NotFound(command, "the command is empty");
        }

        if (command.Contains('/', StringComparison.Ordinal))
        {
            return Directory.Exists(command) ? throw NotExecutable(command, "it is a directory")
                : !File.Exists(command) ? throw NotFound(command, "there is no such file")
                : Posix.Access(command, ExecutePermission) != 0 ? throw NotExecutable(command, "the file is not executable; try 'chmod +x' or name its interpreter")
                : command;
        }

        string? refused = null;
        foreach (string directory in (path ?? "/usr/local/bin:/usr/bin:/bin").Split(':'))
        {
            string file = Path.Join(directory.Length == 0 ? "." : directory, command);
            if (File.Exists(file))
            {
                if (Posix.Access(file, ExecutePermission) == 0)
                {
                    return file;
                }

                refused ??= file;
            }
        }

        throw refused is null ? NotFound(command, "it is not in PATH") : NotExecutable(refused, "the file is not executable");
    }

    public static CliException NotFound(string command, string why) =>
        new(ExitCode.CommandNotFound, $"cannot run '{command}': {why}. Nothing was acquired.");

    public static CliException NotExecutable(string command, string why) =>
        new(ExitCode.NotExecutable, $"cannot run '{command}': {why}. Nothing was acquired.");
}
