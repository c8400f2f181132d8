using System.Globalization;
using Conclave.Cli.Output;

namespace Conclave.Cli;

/// <summary><c>conclave counter get</c> and <c>add</c>: the number on stdout, nothing else.</summary>
internal static class CounterCommands
{
    public static async Task<int> GetAsync(NameSettings settings, Messages messages)
    {
        var client = Looking.Client(settings.Global);
        await using (client.ConfigureAwait(false))
        {
            return Print(Looking.IsAbsent(client, messages) ? 0 : await client.Counter(settings.Name).GetAsync().ConfigureAwait(false));
        }
    }

    public static async Task<int> AddAsync(NameSettings settings, long delta, Messages messages)
    {
        var client = Looking.ChangingClient(settings.Global, messages);
        await using (client.ConfigureAwait(false))
        {
            try
            {
                return Print(await client.Counter(settings.Name).AddAsync(delta).ConfigureAwait(false));
            }
            catch (OverflowException)
            {
                throw CliException.Usage($"{delta} cannot be added to the counter '{settings.Name}': the sum does not fit 64 bits. Nothing was changed.");
            }
        }
    }

    private static int Print(long value)
    {
        StandardStream.Out.Write(value.ToString(CultureInfo.InvariantCulture) + "\n");
        return ExitCode.Success;
    }
}
