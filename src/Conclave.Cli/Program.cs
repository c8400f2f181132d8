using System.Reflection;
using Conclave.Cli.Output;

namespace Conclave.Cli;

/// <summary>The <c>conclave</c> command.</summary>
internal static class Program
{
    public static async Task<int> Main(string[] arguments)
    {
        var messages = new Messages(quiet: false, json: false, TimeProvider.System);
        try
        {
            var commandLine = new CommandLine(arguments);
            messages = new(commandLine.Global.Quiet, commandLine.Global.Json, TimeProvider.System);
            return await RunAsync(commandLine, messages).ConfigureAwait(false);
        }
        catch (OutputClosedException)
        {
            return ExitCode.Success;
        }
        catch (Exception e)
        {
            messages.ClearStatusLine();
            int code = ExitCode.Of(e);
            messages.Error(code == ExitCode.InternalError && e is not CliException
                ? $"internal error, please report it: {e.GetType().Name}: {e.Message}"
                : e.Message, code);
            return code;
        }
    }

    private static async Task<int> RunAsync(CommandLine commandLine, Messages messages)
    {
        if (commandLine.WantedHelp is { } help)
        {
            StandardStream.Out.Write(help);
            return ExitCode.Success;
        }

        if (commandLine.WantsVersion)
        {
            string version = typeof(Program).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
            StandardStream.Out.Write(version.Split('+')[0] + "\n");
            return ExitCode.Success;
        }

        return await commandLine.RunAsync(messages).ConfigureAwait(false);
    }
}
