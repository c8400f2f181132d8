using Conclave.Cli.Output;
using Conclave.Cli.Processes;
using Conclave.Ownership;
using Conclave.Storage;

namespace Conclave.Cli;

/// <summary>The checked settings of <c>conclave own</c>.</summary>
/// <param name="Global">The options of every command.</param>
/// <param name="Key">The key.</param>
/// <param name="Prefix">What its keys have in common.</param>
/// <param name="Owner">Who owns it.</param>
/// <param name="Wait">How long to wait.</param>
/// <param name="Try">Whether it does not wait.</param>
/// <param name="Options">The intervals.</param>
/// <param name="Grace">How long the command has to end after a loss; null to let it run on.</param>
/// <param name="CommandLine">The command.</param>
internal sealed record OwnSettings(
    GlobalSettings Global, string Key, string Prefix, string Owner, TimeSpan Wait, bool Try, OwnerOptions Options, TimeSpan? Grace, string[] CommandLine);

/// <summary><c>conclave own</c>: runs a command while being the owner of a key, usually the only one.</summary>
internal static class OwnCommand
{
    private const string Kind = "ownership";
    private const string Free = "free again";

    // of a try: an owner that crashed is followed within two, and a few that crashed while they stood in line within some more
    private const int MostRefreshes = 4;

    private static readonly TimeSpan FirstReport = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LiveInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(30);

    /// <summary>Runs it.</summary>
    /// <returns>The exit code: the command's, or one of <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(OwnSettings settings, Messages messages)
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
        var client = new ConclaveClient(store, new() { TimeProvider = time, OperationTimeout = StoreLocator.OperationTimeout(settings.Try, settings.Wait) });
        await using (client.ConfigureAwait(false))
        {
            try
            {
                long since = time.GetTimestamp();
                var owner = client.Owner(settings.Prefix, settings.Options);
                var ownership = await OwnAsync(owner, settings, messages, time, signals.Interrupted).ConfigureAwait(false);
                await using (ownership.ConfigureAwait(false))
                {
                    signals.Interrupted.ThrowIfCancellationRequested();
                    messages.Event(new() { Event = "acquired", Kind = Kind, Name = settings.Key, WaitedSeconds = Math.Round(time.GetElapsedTime(since).TotalSeconds, 3) });
                    return await RunAsync(ownership, settings, command, store, signals, messages, time).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException) when (signals.Received != 0)
            {
                return ExitCode.OfSignal(signals.Received);
            }
        }
    }

    private static async Task<Ownership.Ownership> OwnAsync(
        MostlyCorrectOwner owner, OwnSettings settings, Messages messages, TimeProvider time, CancellationToken cancellationToken)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var report = settings.Try || messages.IsSilent ? Task.CompletedTask : ReportAsync(owner, settings, messages, time, ended.Token);
        Ownership.Ownership? ownership;
        try
        {
            ownership = settings.Try
                ? await TryAsync(owner, settings, time, cancellationToken).ConfigureAwait(false)
                : await owner.TryOwnAsync(settings.Key, settings.Owner, settings.Wait, cancellationToken).ConfigureAwait(false);
        }
        catch (ArgumentException)
        {
            // each of the two has been checked, but not both together
            throw CliException.Usage("the key and --prefix are too long together: they may have about 970 bytes once '/' and '%' are escaped.");
        }
        finally
        {
            await ended.CancelAsync().ConfigureAwait(false);
            await report.ConfigureAwait(false);
        }

        string waited = settings.Try ? "" : $" within {Duration.Format(settings.Wait)}";
        return ownership ?? throw new CliException(
            ExitCode.NotAcquired,
            $"the ownership of '{settings.Key}' was not acquired{waited}; it is {await HolderAsync(owner, settings.Key, cancellationToken).ConfigureAwait(false)}. The command was not run.");
    }

    /// <summary>
    /// Takes the key without waiting for an owner that lives. Whether it does shows when it refreshes its record; one that never does has crashed, and is
    /// followed as if we had waited.
    /// </summary>
    private static async Task<Ownership.Ownership?> TryAsync(MostlyCorrectOwner owner, OwnSettings settings, TimeProvider time, CancellationToken cancellationToken)
    {
        if (await owner.TryOwnAsync(settings.Key, settings.Owner, TimeSpan.Zero, cancellationToken).ConfigureAwait(false) is { } ownership)
        {
            return ownership;
        }

        using var lives = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var following = owner.TryOwnAsync(settings.Key, settings.Owner, settings.Options.RefreshInterval * MostRefreshes, lives.Token).AsTask();
        try
        {
            var before = await owner.InspectAsync(settings.Key, cancellationToken).ConfigureAwait(false);
            while (!following.IsCompleted)
            {
                await Task.WhenAny(following, Task.Delay(settings.Options.AcquireInterval, time, cancellationToken)).ConfigureAwait(false);
                var seen = await owner.InspectAsync(settings.Key, cancellationToken).ConfigureAwait(false);
                if (seen.Owner is not null && seen.Owner == before.Owner && seen.Expires != before.Expires)
                {
                    // unless it is ours by now
                    return following.IsCompletedSuccessfully ? await following.ConfigureAwait(false) : null;
                }

                before = seen;
            }

            return await following.ConfigureAwait(false);
        }
        finally
        {
            await lives.CancelAsync().ConfigureAwait(false);
            await ((Task)following).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task<int> RunAsync(
        Ownership.Ownership ownership, OwnSettings settings, GuardedCommand command, IStore store, SignalRelay signals, Messages messages, TimeProvider time)
    {
        var gauge = new OwnershipGauge(ownership, settings.Grace, time);
        using var told = ownership.Lost.UnsafeRegister(
            _ =>
            {
                messages.Event(new() { Event = "lost", Kind = Kind, Name = settings.Key });
                if (settings.Grace is null && !messages.IsJson)
                {
                    messages.Warn($"{gauge.Noun} was lost; the command goes on, and another one may run beside it.");
                }
            },
            null);
        var guard = new GuardedProcess(gauge, settings.Options.RefreshInterval, settings.Grace ?? TimeSpan.Zero, StoreLocator.LivenessOf(store), signals, messages, time);
        var end = await guard.RunAsync(command).ConfigureAwait(false);
        if (guard.Loss is not null)
        {
            throw new CliException(ExitCode.ClaimLost, $"{gauge.Noun} was lost; the command was stopped, its work may be incomplete.");
        }

        await ownership.DisposeAsync().ConfigureAwait(false);
        messages.Event(new() { Event = "released", Kind = Kind, Name = settings.Key, ExitCode = end.ExitCode });
        return end.ExitCode;
    }

    /// <summary>Tells for whom we wait.</summary>
    private static async Task ReportAsync(MostlyCorrectOwner owner, OwnSettings settings, Messages messages, TimeProvider time, CancellationToken cancellationToken)
    {
        long since = time.GetTimestamp();
        try
        {
            for (var pause = FirstReport; ; pause = messages.IsLive ? LiveInterval : PlainInterval)
            {
                await Task.Delay(pause, time, cancellationToken).ConfigureAwait(false);
                string holder = await HolderAsync(owner, settings.Key, cancellationToken).ConfigureAwait(false);
                string text = $"waiting {Duration.Format(time.GetElapsedTime(since))} for '{settings.Key}'; it is {holder}";
                if (holder == Free)
                {
                    // about to become ours, or that of who is first in line
                }
                else if (messages.IsJson)
                {
                    messages.Event(new() { Event = "waiting", Kind = Kind, Name = settings.Key, Message = text, WaitedSeconds = Math.Round(time.GetElapsedTime(since).TotalSeconds, 3) });
                }
                else if (messages.IsLive)
                {
                    messages.StatusLine(text);
                }
                else
                {
                    messages.Warn(text);
                }
            }
        }
        catch (OperationCanceledException)
        {
            messages.ClearStatusLine();
        }
    }

    private static async Task<string> HolderAsync(MostlyCorrectOwner owner, string key, CancellationToken cancellationToken)
    {
        try
        {
            var seen = await owner.InspectAsync(key, cancellationToken).ConfigureAwait(false);
            string? other = seen.Owner is not { } text ? null : text.LastIndexOf('#') is >= 0 and var slug ? text[..slug] : text;

            // by us, that is: the call is about to return
            return other is null || other == CommandLine.Here ? Free : $"owned by {other}";
        }
        catch (ConclaveException e)
        {
            return $"not known by whom it is owned, the store does not answer: {e.Message}";
        }
    }
}
