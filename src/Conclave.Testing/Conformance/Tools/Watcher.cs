using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Conclave.Testing;

/// <summary>Somebody who observes, and what was told so far.</summary>
[SuppressMessage("Design", "CA1001", Justification = "Whoever ends the watch disposes it.")]
internal sealed class Watcher
{
    private readonly ConcurrentQueue<string> _seen = [];
    private readonly CancellationTokenSource _end = new();
    private Task _watch = Task.CompletedTask;

    /// <summary>What was told, in order, separated by spaces; what was told twice in a row counts once.</summary>
    public string Seen
    {
        get
        {
            string[] seen = [.. _seen];
            return string.Join(' ', seen.Where((s, i) => i == 0 || s != seen[i - 1]));
        }
    }

    /// <summary>How often anything was told.</summary>
    public int Count => _seen.Count;

    /// <summary>Begins to watch.</summary>
    public static Watcher Start<T>(Func<CancellationToken, IAsyncEnumerable<T>> observe, Func<T, string> tell)
    {
        var watcher = new Watcher();
        watcher._watch = Task.Run(async () =>
        {
            await foreach (var item in observe(watcher._end.Token).ConfigureAwait(false))
            {
                watcher._seen.Enqueue(tell(item));
            }
        });
        return watcher;
    }

    /// <summary>Waits until exactly this was told, letting time pass.</summary>
    public async Task SeesAsync(ClaimRig rig, string expected)
    {
        try
        {
            await rig.UntilAsync(() => Seen == expected || _watch.IsCompleted, $"'{expected}' is told").ConfigureAwait(false);
        }
        catch (ConformanceException e)
        {
            throw new ConformanceException($"{e.Message}; it was '{Seen}'", e);
        }

        if (_watch.IsCompleted)
        {
            await _watch.ConfigureAwait(false);
        }

        Check.Equal(expected, Seen, "what was told");
    }

    /// <summary>Cancels the watch: that is the only end it has.</summary>
    public async Task EndAsync(ClaimRig rig)
    {
        Check.That(!_watch.IsCompleted, $"a watch ended by itself: {_watch.Exception?.InnerException}");
        await _end.CancelAsync().ConfigureAwait(false);
        _ = await Check.ThrowsAsync<OperationCanceledException>(() => rig.SoonAsync(_watch, "a watch that is cancelled ends"), "a watch that is cancelled").ConfigureAwait(false);
        _end.Dispose();
    }
}
