using Conclave.Etcd.Messages;
using Conclave.Storage;
using Microsoft.Extensions.Logging;

namespace Conclave.Etcd;

/// <summary>
/// One watch on the whole namespace for all who wait, opened with the first of them. It begins at "now" and stays in step: etcd serves a watch that
/// begins at a revision only every 100 ms at first, which is what makes a hand-over slow where each waiter opens its own.
/// </summary>
internal sealed partial class WatchFeed(Cluster cluster, EtcdKeys keys, EtcdStoreOptions options, ChangeHints hints, TimeProvider time, ILogger logger)
    : IAsyncDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    /// <summary>How long a watch that nobody waits on is kept while changes come in.</summary>
    private static readonly TimeSpan Linger = TimeSpan.FromMinutes(1);

    private readonly ILogger _logger = logger;
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;
    private TimeSpan _pause = FirstPause;
    private bool _isRunning;
    private long _wanted;

    public ValueTask<long> WaitAsync(string prefix, long afterRevision, CancellationToken cancellationToken)
    {
        // registered before the watch is looked after: whatever it has missed when it opens wakes who is registered
        var wait = hints.WaitAsync(prefix, afterRevision, cancellationToken);
        lock (_lock)
        {
            _wanted = time.GetTimestamp();
            if (!_isRunning && !_stop.IsCancellationRequested && !wait.IsCompleted)
            {
                _isRunning = true;
                _running = RunAsync(_running);
            }
        }

        return wait;
    }

    public async ValueTask DisposeAsync()
    {
        Task running;
        lock (_lock)
        {
            running = _running;
            _stop.Cancel();
        }

        await running.ConfigureAwait(false);
    }

    private async Task RunAsync(Task before)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                if (await FollowAsync().ConfigureAwait(false))
                {
                    return;
                }
            }
            catch (Exception e) when (e is RpcException or ConclaveException or OperationCanceledException or ObjectDisposedException)
            {
                if (!_stop.IsCancellationRequested)
                {
                    LogWatchLost(e, cluster.Address);
                }
            }

            var pause = _pause * (0.75 + (Random.Shared.NextDouble() / 2));
            _pause = _pause * 2 < LongestPause ? _pause * 2 : LongestPause;
            await Task.Delay(pause, time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Opens the watch and publishes what it sees.</summary>
    /// <returns>True when nobody wants it any more; it ends with an exception otherwise.</returns>
    private async ValueTask<bool> FollowAsync()
    {
        var request = new WatchRequest { Create = new() { Key = keys.First, RangeEnd = keys.End } };
        using var opening = new CancellationTokenSource(options.ConnectTimeout + options.AnswerTimeout, time);
        using var untilOpen = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, opening.Token);
        var (stream, endpoint, link) = await cluster.OpenAsync(EtcdApi.Watch, request, untilOpen.Token).ConfigureAwait(false);
        await using var _ = stream.ConfigureAwait(false);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(untilOpen.Token, link.Abandoned);
        using var untilLost = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, link.Abandoned);
        var limit = either.Token;
        try
        {
            while (true)
            {
                var response = await stream.ReadAsync(limit).ConfigureAwait(false);
                cluster.Identity.Check(response.Header, endpoint.Address);
                if (response.Canceled)
                {
                    throw new RpcException(RpcCode.Canceled, $"the watch was cancelled: {response.CancelReason} (compacted at {response.CompactRevision})");
                }

                if (response.Created)
                {
                    // what happened before the watch began was not seen
                    hints.Forget(response.Header.Revision);
                    (limit, _pause) = (untilLost.Token, FirstPause);
                }

                foreach (var change in response.Events)
                {
                    hints.Publish(keys.Name(change.Kv.Key), change.Kv.ModRevision);
                }

                if (StopIfIdle())
                {
                    return true;
                }
            }
        }
        catch (RpcException e)
        {
            await cluster.LearnAsync(endpoint, link, null, e, _stop.Token).ConfigureAwait(false);
            throw;
        }
        catch (OperationCanceledException) when (opening.IsCancellationRequested && limit == either.Token)
        {
            cluster.Leave(endpoint);
            throw;
        }
    }

    // looked at only when changes come in: a watch on a quiet namespace costs nothing
    private bool StopIfIdle()
    {
        if (hints.Waiters > 0)
        {
            return false;
        }

        lock (_lock)
        {
            _isRunning = hints.Waiters > 0 || time.GetElapsedTime(_wanted) < Linger;
            return !_isRunning;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The watch on etcd at {Address} was lost and is opened again.")]
    private partial void LogWatchLost(Exception exception, string address);
}
