using Conclave.Cli.Output;
using Conclave.Cli.Processes;

namespace Conclave.Cli;

/// <summary><c>conclave lock</c> and its like: runs a command while holding something.</summary>
internal static class HoldCommand
{
    /// <summary>Runs it.</summary>
    /// <returns>The exit code: the command's, or one of <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(HoldSettings settings, Messages messages)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new CliException(ExitCode.Configuration, "conclave runs commands on Linux only for now; 'conclave status' works everywhere.");
        }

        var command = GuardedCommand.Resolve(settings.CommandLine);
        using var signals = new SignalRelay();
        var store = StoreLocator.Open(settings.Global.Store);
        StoreLocator.WarnAboutReach(store, messages);
        var time = new BootTimeProvider();
        var client = new ConclaveClient(store, new()
        {
            SessionTimeToLive = settings.TimeToLive,
            Label = settings.Label,
            TimeProvider = time,
            OperationTimeout = StoreLocator.OperationTimeout(settings.Try, settings.Wait),
            LoggerFactory = new StoreNotices(messages),
        });
        await using (client.ConfigureAwait(false))
        {
            try
            {
                long since = time.GetTimestamp();
                var claim = await AcquireAsync(client, settings, messages, time, signals.Interrupted).ConfigureAwait(false);
                await using (claim.ConfigureAwait(false))
                {
                    signals.Interrupted.ThrowIfCancellationRequested();
                    messages.Event(new()
                    {
                        Event = "acquired",
                        Kind = settings.Tool.Kind,
                        Name = claim.Name,
                        Token = claim.Token.Value,
                        WaitedSeconds = Math.Round(time.GetElapsedTime(since).TotalSeconds, 3),
                    });
                    var liveness = StoreLocator.LivenessOf(store);
                    var guard = new GuardedProcess(new ClaimGauge(claim, settings.Tool, time), settings.TimeToLive, settings.Grace, liveness, signals, messages, time);
                    return await RunAsync(guard, claim, settings.Tool, command, messages).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException) when (signals.Received != 0)
            {
                return ExitCode.OfSignal(signals.Received);
            }
        }
    }

    private static async Task<Claim> AcquireAsync(
        ConclaveClient client, HoldSettings settings, Messages messages, TimeProvider time, CancellationToken cancellationToken)
    {
        using var acquired = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reporter = new WaitReporter(client, settings.Tool, messages, time);
        var report = settings.Try ? Task.CompletedTask : reporter.RunAsync(acquired.Token);
        Claim? claim;
        try
        {
            claim = await settings.Tool.Acquire(client, settings.Wait, cancellationToken).ConfigureAwait(false);
        }
        catch (RuleMismatchException e) when (settings.Tool.Kind == HeldTool.SemaphoreKind)
        {
            throw new CliException(ExitCode.Configuration, e.Message + " The number is that of --permits.");
        }
        finally
        {
            await acquired.CancelAsync().ConfigureAwait(false);
            await report.ConfigureAwait(false);
        }

        if (claim is null)
        {
            string holder = await reporter.HolderAsync(cancellationToken).ConfigureAwait(false);
            string waited = settings.Try ? "" : $" within {Duration.Format(settings.Wait)}";
            throw new CliException(ExitCode.NotAcquired, $"{settings.Tool.Noun} was not acquired{waited}; it is {holder}. The command was not run.");
        }

        return claim;
    }

    private static async Task<int> RunAsync(GuardedProcess guard, Claim claim, HeldTool tool, GuardedCommand command, Messages messages)
    {
        var end = await guard.RunAsync(command).ConfigureAwait(false);
        if (guard.Loss is { } loss)
        {
            messages.Event(new() { Event = "lost", Kind = tool.Kind, Name = claim.Name, Token = claim.Token.Value, Message = loss });
            throw new CliException(ExitCode.ClaimLost, $"{tool.Noun} was lost ({loss}); the command was stopped, its work may be incomplete.");
        }

        await claim.DisposeAsync().ConfigureAwait(false);
        messages.Event(new() { Event = "released", Kind = tool.Kind, Name = claim.Name, Token = claim.Token.Value, ExitCode = end.ExitCode });
        return end.ExitCode;
    }
}
