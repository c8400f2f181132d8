using Conclave.Cli.Output;
using Conclave.Cli.Processes;

namespace Conclave.Cli;

/// <summary>What the commands share that look at something, once or until they are interrupted.</summary>
internal static class Looking
{
    private static readonly TimeSpan ReaderInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PingInterval = TimeSpan.FromSeconds(10);

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

    /// <summary>Watches until Ctrl-C or SIGTERM, which is how a watch ends well, or until nobody reads stdout any more.</summary>
    public static async Task<int> WatchAsync(GlobalSettings global, Messages messages, Func<ConclaveClient, TimeProvider, CancellationToken, Task> watch)
    {
        using var signals = new SignalRelay();
        var client = new ConclaveClient(StoreLocator.Open(global.Store));
        await using (client.ConfigureAwait(false))
        {
            if (StoreLocator.IsAbsent(client.Store))
            {
                messages.Warn($"there was no store {client.Store.Description.Engine}:{client.Store.Description.Address} yet; it is made now, and empty.");
            }

            using var over = CancellationTokenSource.CreateLinkedTokenSource(signals.Interrupted);
            var beside = Task.WhenAll(EndWithTheReaderAsync(over), TellOutagesAsync(client, messages, over.Token));
            try
            {
                await watch(client, TimeProvider.System, over.Token).ConfigureAwait(false);
                return ExitCode.Success;
            }
            catch (OperationCanceledException) when (signals.Received != 0)
            {
                return ExitCode.OfSignal(signals.Received);
            }
            catch (OperationCanceledException) when (over.IsCancellationRequested)
            {
                return ExitCode.Success;
            }
            finally
            {
                await over.CancelAsync().ConfigureAwait(false);
                await beside.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private static async Task EndWithTheReaderAsync(CancellationTokenSource over)
    {
        while (!StandardStream.Out.IsAbandoned())
        {
            await Task.Delay(ReaderInterval, TimeProvider.System, over.Token).ConfigureAwait(false);
        }

        await over.CancelAsync().ConfigureAwait(false);
    }

    /// <summary>A watch goes on over outages. Whoever waits for a line must know that there is one.</summary>
    private static async Task TellOutagesAsync(ConclaveClient client, Messages messages, CancellationToken over)
    {
        bool isAway = false;
        while (true)
        {
            try
            {
                _ = await client.PingAsync(over).ConfigureAwait(false);
                if (isAway)
                {
                    messages.Warn("the store answers again.");
                }

                isAway = false;
            }
            catch (ConclaveException e)
            {
                if (!isAway)
                {
                    messages.Warn($"the store does not answer; the watch goes on when it does: {e.Message}");
                }

                isAway = true;
            }

            await Task.Delay(isAway ? ReaderInterval : PingInterval, TimeProvider.System, over).ConfigureAwait(false);
        }
    }
}
