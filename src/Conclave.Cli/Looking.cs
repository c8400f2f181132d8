using Conclave.Cli.Output;
using Conclave.Cli.Processes;

namespace Conclave.Cli;

/// <summary>What the commands share that look at something, once or until they are interrupted.</summary>
internal static class Looking
{
    /// <summary>A client on the store of the options.</summary>
    /// <param name="global">The options.</param>
    /// <param name="messages">Where to tell that the store opens no session yet, for who changes something; null for who only looks.</param>
    public static ConclaveClient Client(GlobalSettings global, Messages? messages = null) =>
        new(StoreLocator.OpenToLook(global.Store), new() { LoggerFactory = messages is null ? null : new StoreNotices(messages) });

    /// <summary>True when there is no store yet, which is told: nothing is in it, and looking does not create it.</summary>
    public static bool IsAbsent(ConclaveClient client, Messages messages)
    {
        bool isAbsent = StoreLocator.IsAbsent(client.Store);
        if (isAbsent)
        {
            messages.Warn($"there is no store {client.Store.Description.Engine}:{client.Store.Description.Address} yet, so there is nothing in it.");
        }

        return isAbsent;
    }

    /// <summary>A client that changes something, and tells when the store opens no session yet.</summary>
    public static ConclaveClient ChangingClient(GlobalSettings global, Messages messages) =>
        new(StoreLocator.Open(global.Store), new() { LoggerFactory = new StoreNotices(messages) });

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
