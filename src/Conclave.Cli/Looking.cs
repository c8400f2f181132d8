using Conclave.Cli.Processes;

namespace Conclave.Cli;

/// <summary>What the commands share that look at something, once or until they are interrupted.</summary>
internal static class Looking
{
    /// <summary>A client on the store of the options.</summary>
    public static ConclaveClient Client(GlobalSettings global) => new(StoreLocator.OpenToLook(global.Store));

    /// <summary>Watches until Ctrl-C or SIGTERM, which is how a watch ends well.</summary>
    public static async Task<int> WatchAsync(GlobalSettings global, Func<ConclaveClient, TimeProvider, CancellationToken, Task> watch)
    {
        using var signals = new SignalRelay();
        var client = new ConclaveClient(StoreLocator.Open(global.Store));
        await using (client.ConfigureAwait(false))
        {
            try
            {
                await watch(client, TimeProvider.System, signals.Interrupted).ConfigureAwait(false);
                return ExitCode.Success;
            }
            catch (OperationCanceledException) when (signals.Received != 0)
            {
                return ExitCode.OfSignal(signals.Received);
            }
        }
    }
}
