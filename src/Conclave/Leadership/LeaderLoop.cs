using Microsoft.Extensions.Logging;

namespace Conclave;

/// <summary>Campaigns, leads, and campaigns again.</summary>
internal sealed partial class LeaderLoop(Coordinator coordinator, LeaderElection election, Func<Leadership, CancellationToken, Task> lead, LeadOptions options)
{
    private readonly ILogger _logger = coordinator.CreateLogger("Conclave.Leadership");

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var pause = TimeSpan.Zero;
        while (true)
        {
            var leadership = await election.CampaignAsync(options.Value, cancellationToken).ConfigureAwait(false);
            long since = coordinator.Time.GetTimestamp();
            await using (leadership.ConfigureAwait(false))
            {
                LogLeads(election.Name, leadership.Token);
                if (await LeadAsync(leadership, cancellationToken).ConfigureAwait(false))
                {
                    return;
                }
            }

            var lasted = coordinator.Time.GetElapsedTime(since);
            pause = lasted >= options.FlapWindow ? TimeSpan.Zero
                : pause == TimeSpan.Zero ? options.FirstPause
                : pause * 2 < options.LongestPause ? pause * 2 : options.LongestPause;
            LogLost(election.Name, leadership.Token, lasted, pause);
            coordinator.Telemetry.LeadershipLost();
            await Task.Delay(Backoff.Jitter(pause, 0.1), coordinator.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Runs the work until it ends, or until it has stopped after a loss.</summary>
    /// <returns>True when the work ended by itself, false when it ended after the leadership was lost, however it did.</returns>
    private async Task<bool> LeadAsync(Leadership leadership, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, leadership.Lost);
        var work = Task.Run(() => lead(leadership, either.Token), CancellationToken.None);
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (either.Token.UnsafeRegister(static source => ((TaskCompletionSource)source!).TrySetResult(), cancelled))
        {
            _ = await Task.WhenAny(work, cancelled.Task).ConfigureAwait(false);
        }

        if (!work.IsCompleted)
        {
            await work.WaitAsync(options.StopTimeout, coordinator.Time, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!work.IsCompleted)
            {
                // never two of them in one process: this loop ends here
                coordinator.Track(work);
                throw new TimeoutException(
                    $"The work of the leader of '{election.Name}' did not stop within {options.StopTimeout.TotalSeconds} s after its token was cancelled; it may still be running.");
            }
        }

        if (leadership.State != ClaimState.Lost || cancellationToken.IsCancellationRequested)
        {
            await work.ConfigureAwait(false);
            return true;
        }

        await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (work.Exception?.InnerException is { } failure and not (OperationCanceledException or ClaimLostException))
        {
            LogFailed(failure, election.Name, leadership.Token);
        }

        return false;
    }

    [LoggerMessage(30, LogLevel.Information, "Leads '{Election}' with token {Token}")]
    private partial void LogLeads(string election, FencingToken token);

    [LoggerMessage(31, LogLevel.Warning, "Lost the leadership of '{Election}' (token {Token}) after {Lasted}; campaigns again in {Pause}")]
    private partial void LogLost(string election, FencingToken token, TimeSpan lasted, TimeSpan pause);

    [LoggerMessage(32, LogLevel.Error, "The work of the leader of '{Election}' (token {Token}) failed after the leadership was lost")]
    private partial void LogFailed(Exception failure, string election, FencingToken token);
}
