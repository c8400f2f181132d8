using System.Globalization;
using Conclave.Cli.Output;

namespace Conclave.Cli;

/// <summary>Tells for whom we wait, since when they hold what we want, and our own place in the queue.</summary>
internal sealed class WaitReporter(ConclaveClient client, HeldTool waited, Messages messages, TimeProvider time)
{
    // an uncontended lock is acquired before this, without one read more
    private static readonly TimeSpan FirstReport = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LiveInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(30);

    /// <summary>Reports until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (messages.IsSilent)
        {
            return;
        }

        long since = time.GetTimestamp();
        try
        {
            for (var pause = FirstReport; ; pause = messages.IsLive ? LiveInterval : PlainInterval)
            {
                await Task.Delay(pause, time, cancellationToken).ConfigureAwait(false);
                await ReportAsync(time.GetElapsedTime(since), cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            messages.ClearStatusLine();
        }
    }

    /// <summary>Says who holds it, for one who does not wait.</summary>
    public async Task<string> HolderAsync(CancellationToken cancellationToken)
    {
        try
        {
            var queue = await waited.Inspect(client, cancellationToken).ConfigureAwait(false);
            return queue.Contenders.Any(c => c.IsHolder && !IsUs(c)) ? HeldBy(queue)
                : queue.Contenders.FirstOrDefault(c => !IsUs(c)) is { } waiter ? $"waited for by {Describe.Who(waiter)}{Describe.SinceWhen(waiter.Since, time)}"
                : "held a moment ago";
        }
        catch (ConclaveException)
        {
            return "held";
        }
    }

    private static bool IsUs(Contender contender) =>
        contender.ProcessId == Environment.ProcessId && contender.Host == Environment.MachineName;

    private async Task ReportAsync(TimeSpan waitedFor, CancellationToken cancellationToken)
    {
        ClaimQueueSnapshot queue;
        try
        {
            queue = await waited.Inspect(client, cancellationToken).ConfigureAwait(false);
        }
        catch (ConclaveException e)
        {
            Show($"waiting for '{waited.Name}'; the store does not answer: {e.Message}");
            return;
        }

        int ahead = 0;
        while (ahead < queue.Contenders.Length && !IsUs(queue.Contenders[ahead]))
        {
            ahead++;
        }

        if (messages.IsJson)
        {
            messages.Event(new()
            {
                Event = "waiting",
                Kind = waited.Kind,
                Name = waited.Name,
                Holder = queue.Holder is { } first ? ContenderDocument.Of(first) : null,
                Ahead = ahead,
                WaitedSeconds = Math.Round(waitedFor.TotalSeconds, 3),
            });
        }
        else if (queue.Holder is not null && ahead > 0)
        {
            int waiting = queue.Contenders.Take(ahead).Count(c => !c.IsHolder);
            string place = waiting == 0 ? "next in line" : string.Create(CultureInfo.InvariantCulture, $"{waiting} more before us");
            Show($"waiting {Duration.Format(waitedFor)} for '{waited.Name}', {place}; {HeldBy(queue)}");
        }
    }

    /// <summary>The first of those who hold it, and how many more there are.</summary>
    private string HeldBy(ClaimQueueSnapshot queue)
    {
        var others = queue.Holders.RemoveAll(IsUs);
        return others is [var first, ..]
            ? $"held by {Describe.Who(first)}{Describe.SinceWhen(first.Since, time)}{(others.Length > 1 ? string.Create(CultureInfo.InvariantCulture, $" and {others.Length - 1} more") : "")}"
            : "about to be ours";
    }

    private void Show(string text)
    {
        if (messages.IsLive)
        {
            messages.StatusLine(text);
        }
        else
        {
            messages.Warn(text);
        }
    }
}
