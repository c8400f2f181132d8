using System.Collections.Immutable;
using Conclave.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Conclave.Postgres;

/// <summary>
/// A store in a schema of a PostgreSQL database, version 13 or later: the machines of a network meet in it. A commit is one call of one function, under a
/// lock of the namespace; a claim costs no fsync. The server's clock decides nothing: a session ends because another client saw it stand still.
/// </summary>
/// <remarks>
/// <para>Entries without a session are durable as the server is. Sessions, and the entries bound to them, are in unlogged tables: a crash of the server, or
/// the promotion of a standby, ends them all; then the epoch rises, and no session is opened until the longest time to live has passed.</para>
/// <para>After a restore from a backup, raise the epoch by hand: the server cannot tell that it forgot.</para>
/// </remarks>
public sealed class PostgresStore : IStore, IServerClock
{
    private const int Openings = 5;

    private readonly Server _server;
    private readonly Namespace _namespace;
    private readonly ObservedExpiry _expiry;
    private readonly ChangeHints _hints;
    private readonly ListenFeed _feed;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _lock = new();
    private Task? _disposing;

    /// <summary>A store in a database. Does no I/O.</summary>
    /// <param name="uri">Like <c>postgres://user:password@host:port/database?namespace=NAME</c>; see <see cref="PostgresStoreProvider"/>.</param>
    /// <exception cref="StoreConfigurationException">The URI has a part that does not fit.</exception>
    public PostgresStore(string uri)
        : this(PostgresStoreProvider.ToOptions(StoreUri.Parse(uri)))
    {
    }

    /// <summary>A store in a database. Does no I/O.</summary>
    /// <param name="options">Where the server is.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public PostgresStore(PostgresStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        var time = options.TimeProvider ?? new BootTimeProvider();
        var logger = (options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger(typeof(PostgresStore).FullName!);
        _server = new(options, time, logger);
        Description = new()
        {
            Engine = "postgres",
            Address = $"{_server.Address} schema {options.Schema} namespace {options.Namespace}",
            Reach = StoreReach.Network,
            Durability = StoreDurability.DurableEntries,
            ExpiryClock = ExpiryClock.Observed,
            ExpiryBound = TimeSpan.FromSeconds(1),
            ExpiryStretch = ObservedExpiry.Stretch,
            EndsSessionsEarly = "When the server recovers from a crash, and when a standby is promoted.",
            FailoverLoses = "All sessions with their entries; of the entries without a session, what had not reached the standby yet.",
        };
        _hints = new(time, Description.MaxSilence);
        _expiry = new(time, LookAsync, BuryAsync, logger: logger);
        _namespace = new(_server, options, time, OnOpened);
        _feed = new(_server, _namespace, options, _hints, time, logger);
    }

    /// <inheritdoc/>
    public StoreDescription Description { get; }

    /// <summary>For tests: the connections.</summary>
    internal Server Server => _server;

    /// <inheritdoc/>
    public async ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        Begin(cancellationToken);
        for (int openings = 0; openings < Openings;)
        {
            var where = await _namespace.OpenAsync(create: !transaction.IsReadOnly, cancellationToken).ConfigureAwait(false);
            if (where is null)
            {
                return CommitCall.AnswerOfNothing(transaction);
            }

            var answer = await TryAsync(where, new CommitCall(transaction, where), cancellationToken).ConfigureAwait(false);
            switch (answer.Status)
            {
                case Status.Applied or Status.Refused:
                    return answer.Result!;
                case Status.SessionGone:
                    throw Failures.SessionGone(string.Join(", ", transaction.Writes.Where(w => w.Session is not null).Select(w => w.Session!.Value).Distinct()));
                case Status.Suspects:
                    await DecideAsync(answer.Suspects, cancellationToken).ConfigureAwait(false);
                    break;
                case Status.WrongIsolation:
                    _server.BeStrict();
                    openings++;
                    break;
                default:
                    _namespace.Leave(where);
                    openings++;
                    break;
            }
        }

        throw Failures.GaveUp(_server.Address);
    }

    /// <inheritdoc/>
    public async ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default)
    {
        StoreLimits.CheckPrefix(prefix);
        Begin(cancellationToken);
        long revision = await _feed.WaitAsync(prefix, afterRevision, cancellationToken).ConfigureAwait(false);

        // what we heard last may be older than what the caller has read
        return Math.Max(revision, afterRevision);
    }

    /// <inheritdoc/>
    public async ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        StoreLimits.CheckTimeToLive(timeToLive);
        Begin(cancellationToken);
        var effective = TimeSpan.FromMilliseconds(Math.Ceiling(timeToLive.TotalMilliseconds));
        for (int i = 0; i < Openings; i++)
        {
            var where = (await _namespace.OpenAsync(create: true, cancellationToken).ConfigureAwait(false))!;
            var (waited, of) = _namespace.WaitOut();
            long id = SessionNumber.New();
            var (status, left) = await TryAsync(where, new OpenSessionCall(where, id, effective, waited, of), cancellationToken).ConfigureAwait(false);
            switch (status)
            {
                case Status.Applied:
                    _namespace.HearWaitOut(0);
                    return new(SessionNumber.ToId(id), effective);
                case Status.Wait:
                    _namespace.HearWaitOut(left);
                    throw new StoreUnavailableException(
                        $"PostgreSQL at {_server.Address} forgot its sessions in a crash; no new one is opened for {left / 1000.0:F1} s, until nobody can believe in an old one.")
                    {
                        RetryAfter = TimeSpan.FromMilliseconds(left),
                    };
                case Status.WrongIsolation:
                    _server.BeStrict();
                    break;
                default:
                    _namespace.Leave(where);
                    break;
            }
        }

        throw Failures.GaveUp(_server.Address);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        Begin(cancellationToken);
        if (!SessionNumber.TryParse(session, out long id))
        {
            return false;
        }

        return await _namespace.OpenAsync(create: false, cancellationToken).ConfigureAwait(false) is { } where
            && await TryAsync(where, new RenewSessionCall(where, id), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        Begin(cancellationToken);
        if (SessionNumber.TryParse(session, out long id))
        {
            await EndAsync(id, beat: 0, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<(DateTimeOffset Time, TimeSpan Resolution)> GetServerTimeAsync(CancellationToken cancellationToken = default)
    {
        Begin(cancellationToken);
        return (await _server.CallAsync(new ServerTimeCall(), cancellationToken).ConfigureAwait(false), TimeSpan.FromMicroseconds(1));
    }

    /// <summary>Ends every wait and every connection; all later calls throw <see cref="ObjectDisposedException"/>. Sessions that are open run out.</summary>
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
        await _stopping.CancelAsync().ConfigureAwait(false);
        _hints.Dispose();
        await _expiry.DisposeAsync().ConfigureAwait(false);
        await _feed.DisposeAsync().ConfigureAwait(false);
        await _server.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Makes a call; a schema that is not there any more counts as another incarnation.</summary>
    private async ValueTask<T> TryAsync<T>(OpenNamespace where, ICall<T> call, CancellationToken cancellationToken)
    {
        try
        {
            return await _server.CallAsync(call, cancellationToken).ConfigureAwait(false);
        }
        catch (MissingSchemaException e)
        {
            _namespace.Leave(where);
            throw new StoreUnavailableException($"The schema {_server.Schema} at {_server.Address} is gone, or another: {e.Message}.", e);
        }
    }

    private async ValueTask EndAsync(long id, long beat, CancellationToken cancellationToken)
    {
        for (int i = 0; i < Openings; i++)
        {
            if (await _namespace.OpenAsync(create: false, cancellationToken).ConfigureAwait(false) is not { } where)
            {
                return;
            }

            switch (await TryAsync(where, new EndSessionCall(where, id, beat), cancellationToken).ConfigureAwait(false))
            {
                case Status.OtherIncarnation:
                    _namespace.Leave(where);
                    break;
                case Status.WrongIsolation:
                    _server.BeStrict();
                    break;
                default:
                    return;
            }
        }

        throw Failures.GaveUp(_server.Address);
    }

    /// <summary>Finds out about each whether it lives; those that do not are buried.</summary>
    private async ValueTask DecideAsync(IReadOnlyList<SessionBeat> suspects, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        try
        {
            await Task.WhenAll(suspects.Select(s => _expiry.DecideAsync(s, either.Token).AsTask())).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            ThrowIfDisposed();
            throw;
        }
    }

    private async ValueTask<BeatLook> LookAsync(ImmutableArray<long> beats, CancellationToken cancellationToken)
    {
        for (int i = 0; i < Openings; i++)
        {
            if (await _namespace.OpenAsync(create: false, cancellationToken).ConfigureAwait(false) is not { } where)
            {
                return new(0, []);
            }

            if (await TryAsync(where, new LookCall(where, beats), cancellationToken).ConfigureAwait(false) is { } look)
            {
                return look;
            }

            _namespace.Leave(where);
        }

        throw Failures.GaveUp(_server.Address);
    }

    private async ValueTask BuryAsync(SessionBeat session, CancellationToken cancellationToken)
    {
        if (SessionNumber.TryParse(session.Session, out long id))
        {
            await EndAsync(id, session.Beat, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Whoever is connected looks after the dead, with or without a session of its own: from the first opening on.</summary>
    private void OnOpened(bool isOtherIncarnation)
    {
        if (isOtherIncarnation)
        {
            _expiry.Forget();
        }
        else
        {
            _expiry.Enter();
        }
    }

    private void Begin(CancellationToken cancellationToken)
    {
        ThrowIfDisposed();
        cancellationToken.ThrowIfCancellationRequested();
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposing) is not null, this);
}
