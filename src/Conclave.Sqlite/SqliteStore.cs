using System.Security.Cryptography;
using Conclave.Storage;
using Microsoft.Win32.SafeHandles;

namespace Conclave.Sqlite;

/// <summary>
/// A store in one SQLite file: the processes of one machine meet in it, without a server. Entries without a session are durable when their commit
/// returns; sessions live by the boot clock, and end early when the operating system says that their process is gone. Linux only for now.
/// </summary>
/// <remarks>
/// The file is opened, and created where there is none, with the first use. Beside it appear <c>-wal</c> and <c>-shm</c> (SQLite's own) and one
/// <c>-live-…</c> per process with sessions. None of them may be copied, moved or deleted while the store is in use.
/// </remarks>
public sealed class SqliteStore : IStore
{
    private readonly TimeProvider _time;
    private readonly ChangeHints _hints;
    private readonly StoreAccess _access;
    private readonly Liveness _liveness;
    private readonly ChangeFeed _feed;
    private readonly Lock _lock = new();
    private readonly HashSet<string> _open = new(StringComparer.Ordinal);
    private Task? _disposing;

    /// <summary>A store in a file. Does no I/O.</summary>
    /// <param name="path">The file; its directory must exist.</param>
    /// <exception cref="ArgumentException">The path is empty or holds a NUL character.</exception>
    public SqliteStore(string path)
        : this(new SqliteStoreOptions { Path = path })
    {
    }

    /// <summary>A store in a file. Does no I/O.</summary>
    /// <param name="options">Where it is and how to wait for it.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public SqliteStore(SqliteStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        string path = Path.GetFullPath(options.Path);
        Description = new()
        {
            Engine = "sqlite",
            Address = path,
            Reach = StoreReach.Machine,
            Durability = StoreDurability.DurableEntries,
            ExpiryClock = ExpiryClock.Monotonic,
            ExpiryBound = TimeSpan.FromSeconds(1),
            EndsSessionsEarly = "When the process that opened a session is gone, and when the machine is rebooted.",
        };
        _time = options.TimeProvider ?? new BootTimeProvider();
        _hints = new(_time, Description.MaxSilence);
        _access = new(path, options, _time, _hints);
        _liveness = new(_access, options.FileMode);
        _feed = new(_access, _liveness, options, _time, _hints);
    }

    /// <inheritdoc/>
    public StoreDescription Description { get; }

    /// <summary>
    /// The open liveness file: sessions of this store count as alive, until their time to live is over, while this handle or a copy that a child
    /// inherited is open. Not to be closed by the caller.
    /// </summary>
    /// <value>Null until a session was opened, and where file locks do not work.</value>
    public SafeFileHandle? LivenessHandle => _liveness.Handle;

    /// <summary>For tests: how often the file was looked at for those who wait.</summary>
    internal ChangeFeed Feed => _feed;

    /// <inheritdoc/>
    public ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ThrowIfDisposed();
        return _access.RunAsync(
            static (StoreFile file, Transaction transaction, out CommitResult result) => file.TryCommit(transaction, out result!),
            transaction,
            cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default)
    {
        StoreLimits.CheckPrefix(prefix);
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfDisposed();
        return _feed.WaitAsync(prefix, afterRevision, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        StoreLimits.CheckTimeToLive(timeToLive);
        ThrowIfDisposed();
        string realPath = await _access.RunAsync(
            static (StoreFile file, StoreAccess access, out string path) =>
            {
                access.RequirePlace(file);
                path = file.RealPath;
                return true;
            },
            _access,
            cancellationToken).ConfigureAwait(false);
        await _liveness.EstablishAsync(realPath, cancellationToken).ConfigureAwait(false);
        await _liveness.SweepAsync(realPath, cancellationToken).ConfigureAwait(false);

        // random, not counted: a counter that is not on the disk yet would count again after a power loss
        string id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        _ = await _access.RunAsync(
            static (StoreFile file, (string Id, TimeSpan TimeToLive, string? Owner) session, out bool opened) =>
                opened = file.TryOpenSession(session.Id, session.TimeToLive, session.Owner),
            (id, timeToLive, _liveness.Owner),
            cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            _open.Add(id);
        }

        return new(new(id), timeToLive);
    }

    /// <inheritdoc/>
    /// <remarks>Also false when the file was replaced or deleted: what is there now does not know the session.</remarks>
    public ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        return _access.HasMoved ? new(false) : _access.RunAheadAsync(
            static (StoreFile file, (StoreAccess Access, string Id) state, out bool alive) =>
            {
                alive = false;
                return !state.Access.IsInPlace(file) || file.TryRenewSession(state.Id, out alive);
            },
            (_access, session.Value),
            cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        await EndAsync(session.Value, cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            _open.Remove(session.Value);
        }
    }

    /// <summary>
    /// Closes the sessions that this store opened, ends every wait and closes the file, behind the calls that came before. All later calls throw
    /// <see cref="ObjectDisposedException"/>.
    /// </summary>
    public ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            return new(_disposing ??= DisposeOnceAsync());
        }
    }

    private async Task DisposeOnceAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        await _feed.DisposeAsync().ConfigureAwait(false);
        _hints.Dispose();
        bool sessionsRemain = !await TryCloseSessionsAsync().ConfigureAwait(false);
        await _access.DisposeAsync().ConfigureAwait(false);
        _liveness.Close(sessionsRemain);
    }

    private async ValueTask<bool> TryCloseSessionsAsync()
    {
        string[] open;
        lock (_lock)
        {
            open = [.. _open];
        }

        try
        {
            foreach (string session in open)
            {
                await EndAsync(session, CancellationToken.None).ConfigureAwait(false);
            }

            return true;
        }
        catch (ConclaveException)
        {
            // the liveness file stays behind without a lock, so others end them at once
            return false;
        }
    }

    private async ValueTask EndAsync(string session, CancellationToken cancellationToken) => await _access.RunAsync(
        static (StoreFile file, string id, out bool ended) => ended = file.TryEndSession(id), session, cancellationToken).ConfigureAwait(false);

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposing) is not null, this);
}
