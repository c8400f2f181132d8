using System.Globalization;
using System.Text;
using Conclave.Etcd.Messages;
using Conclave.Storage;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;

namespace Conclave.Etcd;

/// <summary>
/// A store in an etcd cluster, version 3.4 or later: the machines of a network meet in it. A commit is one Txn, a session is a lease, and a lock lies
/// where <c>etcdctl lock</c> and Go's <c>concurrency</c> package look for it, so they exclude us and are excluded.
/// </summary>
/// <remarks>
/// <para>Whoever shares a namespace has to read and write the whole prefix <c>namespace/</c>; nothing else is needed where permissions are used.</para>
/// <para>A change of etcd's leader starts the time to live of every session anew, so an expired one may then live for up to another one.</para>
/// </remarks>
public sealed class EtcdStore : IStore, IServerClock
{
    private const int FormatVersion = 1;

    private readonly EtcdKeys _keys;
    private readonly Cluster _cluster;
    private readonly Leases _leases;
    private readonly ChangeHints _hints;
    private readonly WatchFeed _feed;
    private readonly ServerClock _clock;
    private readonly Lock _lock = new();
    private volatile bool _isOpen;
    private Task? _opening;
    private Task? _disposing;

    /// <summary>A store in a cluster. Does no I/O.</summary>
    /// <param name="uri">Like <c>etcd://host:port,host:port/namespace</c>; see <see cref="EtcdStoreProvider"/>.</param>
    /// <exception cref="StoreConfigurationException">The URI has a part that does not fit.</exception>
    public EtcdStore(string uri)
        : this(EtcdStoreProvider.ToOptions(StoreUri.Parse(uri)))
    {
    }

    /// <summary>A store in a cluster. Does no I/O.</summary>
    /// <param name="options">Where the cluster is.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public EtcdStore(EtcdStoreOptions options)
        : this(options, null)
    {
    }

    internal EtcdStore(EtcdStoreOptions options, Func<StoreHost, IEtcdWire>? connect)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        var time = options.TimeProvider ?? TimeProvider.System;
        var logger = (options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger(typeof(EtcdStore).FullName!);
        _keys = new(options.Namespace);
        _cluster = new(options, time, logger, connect);
        _leases = new(_cluster, time);
        _clock = new(_cluster, options, time);
        Description = new()
        {
            Engine = "etcd",
            Address = $"{_cluster.Address}/{options.Namespace}",
            Reach = StoreReach.Network,
            Durability = StoreDurability.Everything,
            ExpiryClock = ExpiryClock.Monotonic,

            // the leader looks every 500 ms and revokes through the log; see the remarks for what a change of leader adds
            ExpiryBound = TimeSpan.FromSeconds(2),

            // constant, so it cannot wait for the servers' versions
            EndsSessionsEarly = "When a leader that hung for about the time to live was deposed and comes back: often below 3.4.31 and 3.5.13, at times on 3.5.16.",
        };
        _hints = new(time, Description.MaxSilence);
        _feed = new(_cluster, _keys, options, _hints, time, logger);
    }

    /// <inheritdoc/>
    public StoreDescription Description { get; }

    /// <inheritdoc/>
    public async ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        await PrepareAsync(cancellationToken).ConfigureAwait(false);
        var request = TxnBuilder.Build(transaction, _keys);
        var response = await _cluster.CallAsync(
            EtcdApi.Txn, request, static r => r.Header, mayRepeat: transaction.IsReadOnly, cancellationToken).ConfigureAwait(false);
        return TxnReader.Read(transaction, response, _keys);
    }

    /// <inheritdoc/>
    public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        return _feed.WaitAsync(prefix, afterRevision, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        StoreLimits.CheckTimeToLive(timeToLive);
        await PrepareAsync(cancellationToken).ConfigureAwait(false);
        return await _leases.OpenAsync(timeToLive, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        await PrepareAsync(cancellationToken).ConfigureAwait(false);
        return await _leases.RenewAsync(session, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        await PrepareAsync(cancellationToken).ConfigureAwait(false);
        await _leases.CloseAsync(session, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    /// <remarks>The clock of one member, in whole seconds, rounded down.</remarks>
    public async ValueTask<(DateTimeOffset Time, TimeSpan Resolution)> GetServerTimeAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        return (await _clock.AskAsync(cancellationToken).ConfigureAwait(false), TimeSpan.FromSeconds(1));
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
        _hints.Dispose();
        await _feed.DisposeAsync().ConfigureAwait(false);
        await _cluster.DisposeAsync().ConfigureAwait(false);
        if (_opening is { } opening)
        {
            await opening.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private ValueTask PrepareAsync(CancellationToken cancellationToken)
    {
        ThrowIfDisposed();
        cancellationToken.ThrowIfCancellationRequested();
        if (_isOpen)
        {
            return ValueTask.CompletedTask;
        }

        lock (_lock)
        {
            // shared by all who come before it has ended; a failure is theirs, the next one tries again
            if (_opening is null || _opening.IsCompleted)
            {
                _opening = OpenAsync().Observed();
            }

            return new(_opening.WaitAsync(cancellationToken));
        }
    }

    private async Task OpenAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var get = new RequestOp { Range = new() { Key = _keys.Format } };
        var put = new RequestOp { Put = new() { Key = _keys.Format, Value = ByteString.CopyFromUtf8(FormatVersion.ToString(CultureInfo.InvariantCulture)) } };
        var found = await _cluster.CallAsync(EtcdApi.Range, get.Range, static r => r.Header, mayRepeat: true, CancellationToken.None).ConfigureAwait(false);
        if (found.Kvs.Count == 0)
        {
            // the first one here; putting it once more under the condition that it is absent does no harm
            var create = new TxnRequest { Compare = { TxnBuilder.IsAbsent(_keys.Format) }, Success = { put }, Failure = { get } };
            var created = await _cluster.CallAsync(EtcdApi.Txn, create, static r => r.Header, mayRepeat: true, CancellationToken.None).ConfigureAwait(false);
            found = created.Succeeded ? null : created.Responses[0].Range;
        }

        if (found?.Kvs is [var format, ..])
        {
            CheckFormat(format.Value.Span);
        }

        _isOpen = true;
    }

    private void CheckFormat(ReadOnlySpan<byte> value)
    {
        bool isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int version);
        if (version == FormatVersion)
        {
            return;
        }

        throw new StoreFormatException(isNumber && version > FormatVersion
            ? $"The namespace '{Description.Address}' was written by a newer Conclave (format {version}, this one reads {FormatVersion}); upgrade this process."
            : $"The namespace '{Description.Address}' is damaged: its format version is '{Encoding.UTF8.GetString(value)}'; it should be {FormatVersion}.");
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposing) is not null, this);
}
