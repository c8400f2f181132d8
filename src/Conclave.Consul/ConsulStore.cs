using System.Globalization;
using System.Text;
using Conclave.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Conclave.Consul;

/// <summary>
/// A store in the key/value store of a Consul datacenter, version 1.8 or later: the machines of a network meet in it. A commit is one transaction,
/// a session is one of Consul's without health checks and without a lock-delay.
/// </summary>
/// <remarks>
/// <para>A token needs <c>write</c> on the keys of the prefix <c>namespace/</c> and on sessions; nothing else.</para>
/// <para>Consul ends a session after twice its time to live, and a change of its leader starts that time anew.</para>
/// <para>Scans are sent whole by Consul, also where only a page is wanted.</para>
/// <para><c>consul lock</c> keeps its own layout, one key that is taken and left by many, and does not exclude claims of Conclave.</para>
/// </remarks>
public sealed class ConsulStore : IStore, IServerClock
{
    private const int FormatVersion = 1;

    private readonly ConsulKeys _keys;
    private readonly AgentPool _agents;
    private readonly Committer _committer;
    private readonly Sessions _sessions;
    private readonly PrefixWatches _watches;
    private readonly Lock _lock = new();
    private volatile bool _isOpen;
    private Task? _opening;
    private Task? _disposing;

    /// <summary>A store in a datacenter. Does no I/O.</summary>
    /// <param name="uri">Like <c>consul://host:port,host:port/namespace</c>; see <see cref="ConsulStoreProvider"/>.</param>
    /// <exception cref="StoreConfigurationException">The URI has a part that does not fit.</exception>
    public ConsulStore(string uri)
        : this(ConsulStoreProvider.ToOptions(StoreUri.Parse(uri)))
    {
    }

    /// <summary>A store in a datacenter. Does no I/O.</summary>
    /// <param name="options">Where the agents are.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public ConsulStore(ConsulStoreOptions options)
        : this(options, null)
    {
    }

    internal ConsulStore(ConsulStoreOptions options, Func<StoreHost, IAgent>? connect)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        var time = options.TimeProvider ?? TimeProvider.System;
        var logger = (options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger(typeof(ConsulStore).FullName!);
        _keys = new(options.Namespace);
        _agents = new(options, time, connect);
        _committer = new(_agents, _keys);
        _sessions = new(_agents, options.MinTimeToLive);
        Description = new()
        {
            Engine = "consul",
            Address = $"{_agents.Address}/{options.Namespace}",
            Reach = StoreReach.Network,
            Durability = StoreDurability.Everything,
            ExpiryClock = ExpiryClock.Monotonic,
            MinTimeToLive = options.MinTimeToLive,

            // the leader ends a session after twice its time to live (its SessionTTLMultiplier), through the log
            ExpiryStretch = 1,
            ExpiryBound = TimeSpan.FromSeconds(2),
            EndsSessionsEarly = "When the node of the agent that opened it is taken out of Consul's catalog.",
        };
        _watches = new(_agents, _keys, _committer, Description.MaxSilence, time, logger);
    }

    /// <inheritdoc/>
    public StoreDescription Description { get; }

    /// <inheritdoc/>
    public async ValueTask<CommitResult> CommitAsync(Transaction transaction, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        while (true)
        {
            await PrepareAsync(cancellationToken).ConfigureAwait(false);
            var result = await _committer.TryCommitAsync(transaction, cancellationToken).ConfigureAwait(false);
            if (result is not null)
            {
                return result;
            }

            _isOpen = false;
        }
    }

    /// <inheritdoc/>
    public ValueTask<long> WaitForChangeAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        return _watches.WaitAsync(prefix, afterRevision, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<SessionGrant> OpenSessionAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        StoreLimits.CheckTimeToLive(timeToLive);
        await PrepareAsync(cancellationToken).ConfigureAwait(false);
        return await _sessions.OpenAsync(timeToLive, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<bool> RenewSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        await PrepareAsync(cancellationToken).ConfigureAwait(false);
        return await _sessions.RenewAsync(session, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask CloseSessionAsync(SessionId session, CancellationToken cancellationToken = default)
    {
        await PrepareAsync(cancellationToken).ConfigureAwait(false);
        await _sessions.CloseAsync(session, cancellationToken).ConfigureAwait(false);
        try
        {
            // Consul does not tell the index of the session's end: the marker's next one is above it
            var mark = new TxnBody();
            mark.Set(_keys.Marker, default, (ulong)Random.Shared.NextInt64());
            await _agents.CommitAsync(new(HttpMethod.Put, "/v1/txn", mark.Finish(), _agents.AnswerTimeout), mayRepeat: true, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is ConclaveException or OperationCanceledException or ObjectDisposedException)
        {
            // the session is closed; the next commit's revision is above its end
        }
    }

    /// <inheritdoc/>
    public async ValueTask<(DateTimeOffset Time, TimeSpan Resolution)> GetServerTimeAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        var request = new ConsulRequest(HttpMethod.Get, "/v1/status/leader", default, _agents.AnswerTimeout);
        var answer = await _agents.CallAsync(request, mayRepeat: true, cancellationToken).ConfigureAwait(false);

        // of the agent that was asked, in whole seconds, rounded down
        return answer.Date is { } date
            ? (date, TimeSpan.FromSeconds(1))
            : throw new StoreUnavailableException($"Consul at {_agents.Address} does not tell the time.");
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
        await _watches.DisposeAsync().ConfigureAwait(false);
        _agents.Dispose();
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
        await Task.WhenAll(ServerVersion.CheckAsync(_agents).AsTask(), OpenNamespaceAsync()).ConfigureAwait(false);
        _isOpen = true;
    }

    private async Task OpenNamespaceAsync()
    {
        for (int i = 0; !await TryOpenAsync().ConfigureAwait(false); i++)
        {
            // another one was first; but what is there and cannot be seen is hidden from this token
            if (i == 3)
            {
                throw Failures.Refused("the token may not read the namespace", _agents.Address);
            }
        }
    }

    private async ValueTask<bool> TryOpenAsync()
    {
        var look = new TxnBody();
        look.GetTree(_keys.Format);
        look.GetTree(_keys.Marker);
        var found = await SendAsync(look, "/v1/txn?consistent").ConfigureAwait(false);
        if (found.Items.FirstOrDefault(i => i.Key == _keys.Format) is { Key: not null } format)
        {
            CheckFormat(format.Value);
        }

        if (found.Items.Count < 2)
        {
            // the first one here; putting it once more under the condition that it is absent does no harm
            var create = new TxnBody();
            create.CheckNotExists(found.Items.Count == 0 ? _keys.Format : _keys.Marker);
            create.Set(_keys.Format, Encoding.ASCII.GetBytes(FormatVersion.ToString(CultureInfo.InvariantCulture)), 0);
            create.Set(_keys.Marker, default, 0);
            var created = await SendAsync(create, "/v1/txn").ConfigureAwait(false);
            if (created.Errors.FirstOrDefault(e => e.What.Contains("Permission denied", StringComparison.Ordinal)).What is { } refused)
            {
                throw Failures.Refused(refused, _agents.Address);
            }

            return created.Errors.Count == 0;
        }

        return true;
    }

    private async ValueTask<TxnAnswer> SendAsync(TxnBody body, string path)
    {
        var request = new ConsulRequest(HttpMethod.Put, path, body.Finish(), _agents.AnswerTimeout, 409);
        return TxnAnswer.Parse((await _agents.CallAsync(request, mayRepeat: true, CancellationToken.None).ConfigureAwait(false)).Body, _agents.Address);
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
