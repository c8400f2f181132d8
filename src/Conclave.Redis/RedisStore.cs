using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Conclave.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Conclave.Redis;

/// <summary>
/// A store in a Redis 7 or Valkey 8 server: the processes of a network meet in it. A commit is one script, one round trip. No wall clock decides
/// who is dead: clients watch the sessions of others, and bury those that stood still for their time to live.
/// </summary>
/// <remarks>
/// A server that was restarted or replaced by a replica may have forgotten what it confirmed: the store notices, ends all sessions, raises the
/// epoch so that later tokens are larger than all before, and refuses sessions until earlier holders have stopped believing.
/// </remarks>
public sealed class RedisStore : IStore, IServerClock
{
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(1);

    private readonly RedisStoreOptions _options;
    private readonly TimeProvider _time;
    private readonly ChangeHints _hints;
    private readonly Link _link;
    private readonly Executor _executor;
    private readonly ObservedExpiry _expiry;
    private readonly Subscription _subscription;
    private readonly Suspects _suspects;
    private readonly WaitOut _waitOut;
    private readonly Lock _lock = new();
    private readonly HashSet<string> _open = new(StringComparer.Ordinal);
    private Task? _disposing;

    /// <summary>A store in a server. Does no I/O.</summary>
    /// <param name="options">Where it is, and what may be assumed about it.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public RedisStore(RedisStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        _options = options;
        _time = options.TimeProvider ?? new BootTimeProvider();
        var logger = (options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger("Conclave.Redis");
        Description = new()
        {
            Engine = "redis",
            Address = options.Address,
            Reach = StoreReach.Network,
            Durability = StoreDurability.None,
            ExpiryClock = ExpiryClock.Observed,
            ExpiryStretch = ObservedExpiry.Stretch,
            ExpiryBound = TimeSpan.FromSeconds(1),
            EndsSessionsEarly = "When the server is restarted or a replica takes over: all sessions end.",
            FailoverLoses = options.WaitReplicas == 0
                ? "A replica that takes over lacks the last commits that the master had confirmed, entries without a session and claims alike; a restart lacks "
                    + "what was not on the disk. Sessions end, tokens rise, and no session is opened for the longest time to live, so that claims are not held twice; "
                    + "but a master that was cut off and does not know it is replaced may confirm commits until it is told, all of which are lost: only fencing tokens help there."
                : $"A replica that takes over lacks the last commits that were not confirmed by {options.WaitReplicas} replicas, and all of them if it is none of those. "
                    + "A master that was cut off may apply commits that are lost, but cannot confirm them.",
        };
        _hints = new(_time, Description.MaxSilence);
        _waitOut = new(_time);
        _link = new(options, _time, OnAttached);
        _executor = new(_link, options);
        _suspects = new(_executor, _time, options.SuspectPatience);
        _expiry = new(_time, LookAsync, BuryAsync, logger: logger);
        _subscription = new(options, _time, options.Channel, _hints, ReadRevisionAsync, logger);
    }

    /// <inheritdoc/>
    public StoreDescription Description { get; }

    /// <inheritdoc/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ThrowIfDisposed();
        bool looks = CommitCommand.MeetsOthers(transaction);
        long startedAt = looks ? _time.GetTimestamp() : 0;
        while (true)
        {
            try
            {
                return await _executor.RunAsync(
                    static (at, commit) => new CommitCommand(at, commit.transaction, commit.looks), (transaction, looks), !transaction.IsReadOnly, cancellationToken).ConfigureAwait(false);
            }
            catch (SuspectsException e)
            {
                // nothing was applied yet; the beats that it saw are watched, and then it is sent again
                looks = await _suspects.DecideAsync(e.Suspects, startedAt, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default)
    {
        StoreLimits.CheckPrefix(prefix);
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfDisposed();
        _subscription.Start();
        _expiry.Enter();
        try
        {
            return await _hints.WaitAsync(prefix, afterRevision, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _expiry.Leave();
        }
    }

    /// <inheritdoc/>
    /// <exception cref="StoreConfigurationException">The time to live is longer than <see cref="RedisStoreOptions.LongestTimeToLive"/>.</exception>
    public async ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        StoreLimits.CheckTimeToLive(timeToLive);
        ThrowIfDisposed();
        if (timeToLive > _options.LongestTimeToLive)
        {
            throw new StoreConfigurationException(
                $"A session of {timeToLive.TotalSeconds:0.###} s is longer than RedisStoreOptions.LongestTimeToLive, {_options.LongestTimeToLive.TotalSeconds:0.###} s; "
                + "raise it (longestTtl in a URI), for all clients of the namespace.");
        }

        string id = SessionScripts.NewId();

        // what was waited is asked for with each attempt: one that meets a new life must not bring the waiting of an old one
        var state = await _executor.RunAsync(
            static (at, open) =>
            {
                var (seen, waited) = open.Waits.Tell();
                return SessionScripts.Open(at, open.Id, open.TimeToLive, seen, waited);
            },
            (Id: id, TimeToLive: timeToLive, Waits: _waitOut),
            isWriting: false,
            cancellationToken).ConfigureAwait(false);
        _waitOut.Note(state?.Seen ?? "");
        if (state is not null)
        {
            double left = Math.Max(0.1, (state.Needed - long.Parse(state.Seen, System.Globalization.CultureInfo.InvariantCulture)) / 1000.0);
            throw new StoreUnavailableException(
                $"The Redis server was restarted or replaced and may have forgotten who held what. New sessions are refused for another {left:0.#} s of waiting, "
                + "until all earlier holders have stopped; if nothing was there before, say trustEmpty=true.")
            {
                RetryAfter = TimeSpan.FromSeconds(left),
            };
        }

        lock (_lock)
        {
            _open.Add(id);
        }

        _expiry.Enter();
        return new(new(id), TimeSpan.FromMilliseconds(Math.Ceiling(timeToLive.TotalMilliseconds)));
    }

    /// <inheritdoc/>
    public async ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        bool alive = SessionScripts.IsId(session.Value) && await _executor.RunAsync(
            static (at, id) => SessionScripts.Renew(at, id), session.Value, isWriting: false, cancellationToken).ConfigureAwait(false);
        if (!alive)
        {
            Forget(session.Value);
        }

        return alive;
    }

    /// <inheritdoc/>
    public async ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        if (SessionScripts.IsId(session.Value))
        {
            _ = await _executor.RunAsync(
                static (at, id) => SessionScripts.End(at, id, null), session.Value, isWriting: false, cancellationToken).ConfigureAwait(false);
            Forget(session.Value);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<(DateTimeOffset Time, TimeSpan Resolution)> GetServerTimeAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        var time = await _executor.RunAsync(static (_, _) => new PlainCommand<DateTimeOffset>(ReadTime, "TIME"), 0, isWriting: false, cancellationToken).ConfigureAwait(false);
        return (time, TimeSpan.FromMicroseconds(1));
    }

    /// <summary>
    /// Closes the sessions that this store opened, if the server is there, ends every wait and closes the connections. All later calls throw
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
        await _expiry.DisposeAsync().ConfigureAwait(false);
        await CloseSessionsAsync().ConfigureAwait(false);
        await _subscription.DisposeAsync().ConfigureAwait(false);
        _hints.Dispose();
        await _link.DisposeAsync().ConfigureAwait(false);
    }

    private async Task CloseSessionsAsync()
    {
        string[] open;
        lock (_lock)
        {
            open = [.. _open];
        }

        // over a connection that stands, and briefly: those that stay are buried by others
        if (open.Length > 0 && _link.Current is { } current)
        {
            using var limit = new CancellationTokenSource(Farewell, _time);
            await Task.WhenAll(open.Select(Task (id) => current.Connection.SendAsync(SessionScripts.End(current, id, null), limit.Token)))
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static DateTimeOffset ReadTime(ref RespReader answer)
    {
        _ = answer.ReadArray();
        return DateTimeOffset.UnixEpoch + TimeSpan.FromSeconds(answer.ReadNumber()) + TimeSpan.FromMicroseconds(answer.ReadNumber());
    }

    private void OnAttached(AttachReply reply, bool isNewLife)
    {
        _waitOut.Note(reply.WaitedOut, isNewLife);
        if (isNewLife)
        {
            _expiry.Forget();
            _subscription.Restart();
        }
    }

    private void Forget(string session)
    {
        bool was;
        lock (_lock)
        {
            was = _open.Remove(session);
        }

        if (was)
        {
            _expiry.Leave();
        }
    }

    private async ValueTask<BeatLook> LookAsync(ImmutableArray<long> beats, CancellationToken cancellationToken) => await _executor.RunAsync(
        static (at, beats) => SessionScripts.Look(at, beats), beats, isWriting: false, cancellationToken).ConfigureAwait(false);

    private async ValueTask BuryAsync(SessionBeat session, CancellationToken cancellationToken) => _ = await _executor.RunAsync(
        static (at, s) => SessionScripts.End(at, s.Session.Value, s.Beat), session, isWriting: false, cancellationToken).ConfigureAwait(false);

    private async ValueTask<long> ReadRevisionAsync(CancellationToken cancellationToken) =>
        (await _executor.RunAsync(static (at, read) => new CommitCommand(at, read, false), new Transaction(), isWriting: false, cancellationToken).ConfigureAwait(false)).Revision;

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposing) is not null, this);
}
