using System.Threading.Channels;
using Conclave.Storage;

namespace Conclave.Sqlite;

/// <summary>
/// Tells those who wait in this process what other processes changed. Runs while somebody waits and a little longer, so that a loop of waits
/// does not start it again and again. Wakes by the file changing, at the earliest deadline of a session, and once a second in any case.
/// </summary>
internal sealed class ChangeFeed(
    StoreAccess access, Liveness liveness, SqliteStoreOptions options, TimeProvider time, ChangeHints hints) : IAsyncDisposable
{
    private static readonly TimeSpan Linger = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Regularly = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(1);

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private Task _running = Task.CompletedTask;
    private bool _isRunning;
    private bool _disposed;
    private long _wanted;
    private long _looks;

    /// <summary>How often the journal was read; for tests.</summary>
    internal long Looks => Volatile.Read(ref _looks);

    /// <summary>Whether the loop runs; for tests.</summary>
    internal bool IsRunning => Volatile.Read(ref _isRunning);

    /// <summary>Waits for a change, see <see cref="IStore.WaitForChangeAsync"/>.</summary>
    public ValueTask<long> WaitAsync(string prefix, long afterRevision, CancellationToken cancellationToken) =>
        TryJoin() && hints.Revision >= afterRevision && !access.HasMoved
            ? hints.WaitAsync(prefix, afterRevision, cancellationToken)
            : CatchUpAndWaitAsync(prefix, afterRevision, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _disposed = true;
        }

        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async ValueTask<long> CatchUpAndWaitAsync(string prefix, long afterRevision, CancellationToken cancellationToken)
    {
        // the watch first, the reading after it: a change in between is seen by one of them
        if (access.RealPath is null)
        {
            _ = await CatchUpAsync(cancellationToken).ConfigureAwait(false);
        }

        Start(access.RealPath!);
        _ = await CatchUpAsync(cancellationToken).ConfigureAwait(false);
        return await hints.WaitAsync(prefix, afterRevision, cancellationToken).ConfigureAwait(false);
    }

    private bool TryJoin()
    {
        lock (_lock)
        {
            _wanted = time.GetTimestamp();
            return _isRunning;
        }
    }

    private void Start(string realPath)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(SqliteStore));
            _wanted = time.GetTimestamp();
            if (!_isRunning)
            {
                _isRunning = true;
                var watch = new FileWatch(realPath, options.PollsForChanges, Wake);
                _running = RunAsync(watch, _running);
            }
        }
    }

    private async Task RunAsync(FileWatch watch, Task before)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        using (watch)
        {
            using var timer = time.CreateTimer(static feed => ((ChangeFeed)feed!).Wake(), this, TimeSpan.Zero, Timeout.InfiniteTimeSpan);
            long swept = time.GetTimestamp();
            try
            {
                while (await _wake.Reader.ReadAsync(_stop.Token).ConfigureAwait(false) && !StopIfIdle())
                {
                    var untilDue = await LookAsync().ConfigureAwait(false);
                    if (hints.Waiters > 0 && time.GetElapsedTime(swept) >= SweepInterval)
                    {
                        await SweepAsync().ConfigureAwait(false);
                        swept = time.GetTimestamp();
                    }

                    var pause = watch.Works ? untilDue : PollInterval;
                    pause = hints.Waiters > 0 && pause > SweepInterval ? SweepInterval : pause;
                    _ = timer.Change(pause < ShortestPause ? ShortestPause : pause, Timeout.InfiniteTimeSpan);
                }

                // the next feed, which begins after this one has ended, starts by announcing again
                await access.RunAsync(
                    static (StoreFile file, ChangeFeed _, out bool done) =>
                    {
                        file.StopAnnouncing();
                        return done = true;
                    },
                    this,
                    _stop.Token).ConfigureAwait(false);
            }
            catch (ConclaveException)
            {
                // the file cannot be opened; whoever calls next hears of it
            }
            catch (OperationCanceledException)
            {
                // disposed
            }
        }
    }

    private async ValueTask<TimeSpan> LookAsync()
    {
        Interlocked.Increment(ref _looks);
        try
        {
            var untilDue = await CatchUpAsync(_stop.Token).ConfigureAwait(false);
            return untilDue < Regularly ? untilDue : Regularly;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // whoever waits shall read, and hear of it there
            hints.Forget(hints.Revision);
            return Regularly;
        }
    }

    private async ValueTask SweepAsync()
    {
        try
        {
            if (await access.CheckPlaceAsync(_stop.Token).ConfigureAwait(false))
            {
                await liveness.SweepAsync(access.RealPath!, _stop.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // the next round tries again
        }
    }

    private ValueTask<TimeSpan> CatchUpAsync(CancellationToken cancellationToken) => access.RunAsync(
        static (StoreFile file, ChangeFeed _, out TimeSpan untilDue) => file.TryCatchUp(out untilDue), this, cancellationToken);

    private bool StopIfIdle()
    {
        lock (_lock)
        {
            if (hints.Waiters > 0)
            {
                _wanted = time.GetTimestamp();
            }

            _isRunning = time.GetElapsedTime(_wanted) < Linger;
            return !_isRunning;
        }
    }

    private void Wake() => _wake.Writer.TryWrite(true);
}
