using Conclave.Etcd.Messages;
using Conclave.Storage;
using Microsoft.Extensions.Logging;

namespace Conclave.Etcd;

/// <summary>
/// One member of the cluster. A connection is used once a handshake on it has shown an etcd of the right version and the right cluster; after a
/// failure that leaves its state open it is given up, and the next use makes another one.
/// </summary>
internal sealed partial class Endpoint(
    StoreHost host, Func<IEtcdWire> connect, EtcdStoreOptions options, Identity identity, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private readonly ILogger _logger = logger;
    private readonly Lock _lock = new();
    private readonly List<Task> _retiring = [];
    private volatile Link? _ready;
    private Link? _link;
    private Task<Link>? _handshake;
    private readonly CancellationTokenSource _closing = new();
    private bool _isUp;
    private bool _wasUp;
    private bool _disposed;

    public StoreHost Host { get; } = host;

    public string Address { get; } = host.ToString();

    public bool IsReady => _ready is not null;

    /// <summary>A connection that may be used, at once if there is one.</summary>
    /// <exception cref="RpcException">It could not be made.</exception>
    /// <exception cref="ConclaveException">What answers is not what it should be.</exception>
    public ValueTask<Link> ConnectAsync(CancellationToken cancellationToken)
    {
        if (_ready is { } ready)
        {
            return new(ready);
        }

        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(EtcdStore));

            // shared by all who want it, so that it ends with none of them
            if (_handshake is null || _handshake.IsCompleted)
            {
                _handshake = _ready is { } now ? Task.FromResult(now) : ShakeHandsAsync().Observed();
            }

            return new(_handshake.WaitAsync(cancellationToken));
        }
    }

    /// <summary>Gives up a connection whose state is not known any more; calls that are under way on it run to their end.</summary>
    public void Abandon(Link link, Exception reason)
    {
        bool wasUp = false;
        lock (_lock)
        {
            if (_link == link && !_disposed)
            {
                (_link, _ready, _isUp, wasUp) = (null, null, false, _isUp);
                _retiring.RemoveAll(static t => t.IsCompletedSuccessfully);
                _retiring.Add(link.RetireAsync(options.AnswerTimeout, time, _closing.Token));
            }
        }

        if (wasUp)
        {
            LogLost(Address, reason.Message);
        }
    }

    /// <summary>The connection was closed and has to be made anew before the next call.</summary>
    public void RequireHandshake(Link link, Exception reason)
    {
        bool wasUp = false;
        lock (_lock)
        {
            if (_ready == link)
            {
                (_ready, _isUp, wasUp) = (null, false, _isUp);
            }
        }

        if (wasUp)
        {
            LogLost(Address, reason.Message);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task? handshake;
        lock (_lock)
        {
            _disposed = true;
            _ready = null;
            if (_link is { } link)
            {
                _link = null;
                _retiring.Add(link.RetireAsync(TimeSpan.Zero, time, CancellationToken.None));
            }

            handshake = _handshake;
        }

        await _closing.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_retiring).ConfigureAwait(false);
        if (handshake is not null)
        {
            await handshake.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _closing.Dispose();
    }

    private async Task<Link> ShakeHandsAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        Link link;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, typeof(EtcdStore));
            link = _link ??= new(connect());
        }

        try
        {
            var status = await link.Wire.CallAsync(
                EtcdApi.Status, new StatusRequest(), new(options.ConnectTimeout, IsHandshake: true), CancellationToken.None).ConfigureAwait(false);
            ServerVersion.Check(status.Version, Address);
            identity.Check(status.Header, Address);
            bool isAgain = false;
            lock (_lock)
            {
                if (_link == link)
                {
                    (_ready, _isUp, _wasUp, isAgain) = (link, true, true, _wasUp);
                }
            }

            if (isAgain)
            {
                LogConnectedAgain(Address);
            }

            return link;
        }
        catch (Exception e)
        {
            Abandon(link, e);
            throw;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The connection to etcd at {Address} was lost: {Reason}.")]
    private partial void LogLost(string address, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "etcd at {Address} is connected again.")]
    private partial void LogConnectedAgain(string address);
}

/// <summary>One connection to a member, and whether it is still in use.</summary>
internal sealed class Link : IDisposable
{
    private readonly CancellationTokenSource _abandoned = new();

    public Link(IEtcdWire wire) => (Wire, Abandoned) = (wire, _abandoned.Token);

    public IEtcdWire Wire { get; }

    /// <summary>Cancelled when the connection has been given up: a stream on it should be opened elsewhere.</summary>
    public CancellationToken Abandoned { get; }

    /// <summary>Closes the connection once the calls that are under way have ended, each by its own timeout.</summary>
    public async Task RetireAsync(TimeSpan patience, TimeProvider time, CancellationToken now)
    {
        await _abandoned.CancelAsync().ConfigureAwait(false);
        await Task.Delay(patience, time, now).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Wire.DisposeAsync().ConfigureAwait(false);
        Dispose();
    }

    public void Dispose() => _abandoned.Dispose();
}

/// <summary>Which cluster this store talks to: the first that answered. The same for all endpoints.</summary>
internal sealed class Identity
{
    private ulong _cluster;

    /// <exception cref="StoreConfigurationException">Another cluster answers.</exception>
    public void Check(ResponseHeader? header, string address)
    {
        if (header is null || header.ClusterId == 0 || header.ClusterId == Volatile.Read(ref _cluster))
        {
            return;
        }

        ulong known = Interlocked.CompareExchange(ref _cluster, header.ClusterId, 0);
        if (known != 0 && known != header.ClusterId)
        {
            throw new StoreConfigurationException(
                $"etcd at {address} belongs to the cluster {header.ClusterId:x}, this store has been talking to {known:x}; "
                + "name the members of one cluster, and start anew after a cluster was replaced.");
        }
    }
}
