using Conclave.Storage;

namespace Conclave.Samples;

/// <summary>
/// A store for the processes of one Linux machine in a directory of files: a worked example of a provider, small rather than fast. The page
/// docs/write-your-own-store.md walks through it.
/// </summary>
/// <remarks>
/// What it does not do: it does not survive a power failure (nothing is flushed); it does not notice a network file system, another time
/// namespace (whose boot clock differs), or anybody who edits the files; a scan lists every key, the end of a session reads every entry, and
/// calls do their file work on the caller's thread.
/// </remarks>
public sealed class DirectoryStore : IStore
{
    private readonly DirectoryStoreOptions _options;
    private readonly StoreFolder _folder;
    private readonly StoreFiles _files;
    private readonly ChangeHints _hints;
    private readonly SemaphoreSlim _gate = new(1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private Task _polling = Task.CompletedTask;
    private bool _isPolling;
    private volatile bool _disposed;
    private long _published = -1;

    /// <summary>Creates a store object. Does no I/O.</summary>
    /// <param name="options">The settings.</param>
    public DirectoryStore(DirectoryStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _folder = new(options.Path, options.BusyTimeout);
        _files = new(_folder, options.TimeProvider);
        Description = new()
        {
            Engine = "directory",
            Address = options.Path,
            Reach = StoreReach.Machine,
            Durability = StoreDurability.None,
            ExpiryClock = ExpiryClock.Monotonic,
            ExpiryBound = TimeSpan.FromSeconds(1),
        };
        _hints = new(options.TimeProvider, Description.MaxSilence);
    }

    /// <inheritdoc/>
    public StoreDescription Description { get; }

    /// <inheritdoc/>
    public ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return TakeTurnAsync(() => _files.Commit(transaction), isCommit: !transaction.IsReadOnly, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        StoreLimits.CheckTimeToLive(timeToLive);
        return TakeTurnAsync(() => _files.Open(timeToLive), isCommit: false, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default) =>
        TakeTurnAsync(() => _files.Renew(session), isCommit: false, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default) =>
        await TakeTurnAsync(() => _files.Close(session), isCommit: false, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    // <wait>
    public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default)
    {
        var wait = _hints.WaitAsync(prefix, afterRevision, cancellationToken);
        lock (_lock)
        {
            // registered first, polled second: a poller that is about to stop sees the waiter, or we see that it has stopped
            if (!_isPolling && !_disposed)
            {
                _isPolling = true;
                _polling = PollAsync();
            }
        }

        return wait;
    }
    // </wait>

    /// <summary>While somebody waits: a turn now and then, for the changes of others and for sessions that have expired.</summary>
    private async Task PollAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            while (!IsIdle())
            {
                await LookAsync().ConfigureAwait(false);
                await Task.Delay(_options.PollInterval, TimeProvider.System, _stop.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // disposed
        }
    }

    private async Task LookAsync()
    {
        try
        {
            _ = await TakeTurnAsync(() => true, isCommit: false, _stop.Token).ConfigureAwait(false);
        }
        catch (ConclaveException)
        {
            // whoever waits shall read, and hear of it there
            _hints.Forget(_hints.Revision);
        }
    }

    private bool IsIdle()
    {
        lock (_lock)
        {
            _isPolling = _hints.Waiters > 0;
            return !_isPolling;
        }
    }

    // <publish>
    /// <summary>Tells the waiters of this object what anybody has changed since its last turn, in the order of revisions.</summary>
    private void Publish()
    {
        long revision = _files.Revision;
        if (_published < 0 || revision - _published > StoreFiles.ChangesKept)
        {
            // the first look, or too far behind: whoever read before must read again
            _hints.Forget(revision);
            _published = revision;
        }

        while (_published < revision)
        {
            _published++;
            foreach (string key in _files.ChangedKeys(_published) ?? throw FileContents.Damaged())
            {
                _hints.Publish(key, _published);
            }
        }
    }
    // </publish>

    // <turn>
    /// <summary>Does something while nobody else is in the directory, and says what is known when it fails.</summary>
    private async ValueTask<T> TakeTurnAsync<T>(Func<T> work, bool isCommit, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            using var turn = await _folder.EnterAsync(cancellationToken).ConfigureAwait(false);
            _files.CheckIncarnation();
            _files.Expire();
            _folder.IsDecided = false;
            try
            {
                return work();
            }
            finally
            {
                Publish();
            }
        }
        catch (UnauthorizedAccessException e) when (!_folder.IsDecided)
        {
            throw new StoreAccessException($"The directory '{_options.Path}' must be ours to write. {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw isCommit && _folder.IsDecided
                ? new OutcomeUnknownException($"The commit is decided, and done as soon as the directory can be written again. {e.Message}", e)
                : new StoreUnavailableException($"The directory '{_options.Path}' could not be read or written. {e.Message}", e);
        }
        finally
        {
            _gate.Release();
        }
    }
    // </turn>

    /// <summary>Ends every wait, and lets the calls that are under way end; all later ones throw <see cref="ObjectDisposedException"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _disposed = true;
        }

        _hints.Dispose();
        await _stop.CancelAsync().ConfigureAwait(false);
        await _polling.ConfigureAwait(false);
        await _gate.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        _gate.Release();
    }
}
