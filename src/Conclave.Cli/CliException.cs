namespace Conclave.Cli;

/// <summary>Ends the command with one line and an exit code.</summary>
/// <param name="exitCode">The exit code.</param>
/// <param name="message">What is wrong and what to do.</param>
internal sealed class CliException(int exitCode, string message) : Exception(message)
{
    public int ExitCode => exitCode;

    public static CliException Usage(string message) => new(Cli.ExitCode.Usage, message);
}
