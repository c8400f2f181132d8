using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;

namespace Conclave.Servers;

/// <summary>Sees bytes on their way through a proxy.</summary>
/// <param name="direction">Where they go.</param>
/// <param name="bytes">They; valid during the call only.</param>
public delegate void BytesSeen(Direction direction, ReadOnlySpan<byte> bytes);

/// <summary>
/// A TCP proxy in front of a server, which breaks connections in the ways networks do, and may be told to at any time. What is set
/// applies at once to all connections, old and new; a fault of a direction takes the place of the one that was there.
/// </summary>
/// <remarks>
/// Bytes that get through are those that were sent, in their order. A connection that lost bytes can never be right again: it stays
/// dark as long as bytes are lost, and is reset after.
/// </remarks>
public sealed class FaultProxy : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly ReservedPorts _ports = new(1);
    private readonly Lane[] _lanes;
    private readonly ConcurrentDictionary<ProxiedConnection, Task> _connections = new();
    private readonly List<Task> _accepting = [];
    private ExceptionDispatchInfo? _failure;
    private Socket? _listener;
    private (string Host, int Port) _target;
    private int _accepted;
    private bool _isDisposed;

    /// <summary>Starts to listen on a free port of the loopback interface.</summary>
    /// <param name="host">The server.</param>
    /// <param name="port">Its port.</param>
    /// <param name="time">Measures delays; the system's clock if null.</param>
    public FaultProxy(string host, int port, TimeProvider? time = null)
    {
        _target = (host, port);
        time ??= TimeProvider.System;
        _lanes = [new(Direction.ToServer, this, time), new(Direction.ToClient, this, time)];
        Listen();
    }

    /// <inheritdoc cref="FaultProxy(string, int, TimeProvider)"/>
    public FaultProxy(Server server)
        : this(server.Host, server.Port)
    {
    }

    /// <summary>127.0.0.1.</summary>
    public string Host => "127.0.0.1";

    /// <summary>Where it listens.</summary>
    public int Port => _ports[0];

    /// <summary>Where new connections go.</summary>
    public (string Host, int Port) Target
    {
        get
        {
            lock (_gate)
            {
                return _target;
            }
        }

        set
        {
            lock (_gate)
            {
                _target = value;
            }
        }
    }

    /// <summary>
    /// Is called with all bytes that arrive, before anything happens to them: a fault that it sets applies to these bytes too.
    /// One call at a time for each direction of a connection.
    /// </summary>
    public BytesSeen? OnBytes { get; set; }

    /// <summary>How many connections have been accepted so far.</summary>
    public int Accepted => Volatile.Read(ref _accepted);

    /// <summary>How many of them are open now.</summary>
    public int Open => _connections.Count;

    /// <summary>How many bytes have come so far.</summary>
    public long Arrived(Direction direction) => _lanes[(int)direction].Arrived.Count;

    /// <summary>How many bytes have been sent on so far.</summary>
    public long Passed(Direction direction) => _lanes[(int)direction].Passed.Count;

    /// <summary>How many bytes have been dropped so far.</summary>
    public long Lost(Direction direction) => _lanes[(int)direction].Lost.Count;

    /// <summary>Waits until so many bytes have been dropped, counted from the first.</summary>
    public Task LostAsync(Direction direction, long bytes, CancellationToken cancellationToken = default) =>
        _lanes[(int)direction].Lost.ReachAsync(bytes, cancellationToken);

    /// <summary>Waits until so many bytes have come, counted from the first.</summary>
    public Task ArrivedAsync(Direction direction, long bytes, CancellationToken cancellationToken = default) =>
        _lanes[(int)direction].Arrived.ReachAsync(bytes, cancellationToken);

    /// <summary>Waits until so many bytes have been sent on, counted from the first.</summary>
    public Task PassedAsync(Direction direction, long bytes, CancellationToken cancellationToken = default) =>
        _lanes[(int)direction].Passed.ReachAsync(bytes, cancellationToken);

    /// <summary>Lets all bytes through that much later, in their order; their number in a second does not change.</summary>
    /// <param name="delay">How much later.</param>
    /// <param name="jitter">Up to how much more, at random.</param>
    /// <param name="only">The direction; null for both.</param>
    public void Delay(TimeSpan delay, TimeSpan jitter = default, Direction? only = null) =>
        Set(only, () => new() { Delay = delay, Jitter = jitter });

    /// <summary>Keeps all bytes, and news of closed connections, until <see cref="Restore"/>. The sender waits after some megabytes.</summary>
    public void Hold(Direction? only = null) => Set(only, () => new() { Passage = Passage.Held });

    /// <summary>
    /// Loses all bytes, and news of closed connections, and tells nobody: a black hole. New connections are accepted (a proxy cannot do
    /// otherwise) and stay dark; towards the server, they are not made at all.
    /// </summary>
    public void Drop(Direction? only = null) => Set(only, () => new() { Passage = Passage.Lost });

    /// <summary>
    /// Resets a connection as soon as so many bytes of it got through, counted from now, or from its beginning. With 0: as soon as the
    /// first byte would.
    /// </summary>
    /// <param name="bytes">How many get through.</param>
    /// <param name="direction">Of what is counted.</param>
    /// <param name="once">Whether only the first connection that comes so far is cut, and no other; false: each.</param>
    public void CutAfter(long bytes, Direction direction, bool once = false) => Set(direction, () => new() { CutAfter = bytes, CutsOnce = once });

    /// <summary>Refuses new connections; the old ones stay.</summary>
    public void Refuse()
    {
        lock (_gate)
        {
            // the port stays ours, and refuses
            _listener?.Dispose();
            _listener = null;
        }
    }

    /// <summary>Resets all connections, with RST.</summary>
    public void Reset()
    {
        foreach (var connection in _connections.Keys)
        {
            connection.Reset();
        }
    }

    /// <summary>
    /// Resets the clients' ends of all connections, although what they have sent is still on its way and reaches the server later: a request whose sender has long
    /// given it up. Held bytes go on their way with <see cref="Restore"/>; what the server answers reaches nobody.
    /// </summary>
    /// <param name="late">How much later.</param>
    public void Strand(TimeSpan late)
    {
        foreach (var connection in _connections.Keys)
        {
            connection.Strand(late);
        }
    }

    /// <summary>
    /// Forgets all connections that there are, as a firewall or an address translation does: nothing of them gets through any more and nobody is told; new ones are
    /// whole. Their ends get through.
    /// </summary>
    public void Forget()
    {
        foreach (var connection in _connections.Keys)
        {
            connection.Forget();
        }
    }

    /// <summary>Ends all connections as if both sides had closed them, with FIN.</summary>
    public void Close()
    {
        foreach (var connection in _connections.Keys)
        {
            connection.Close();
        }
    }

    /// <summary>Ends all faults: what was held gets through, connections that lost bytes are reset, new ones are accepted.</summary>
    /// <param name="only">The direction; null for both, and for new connections.</param>
    public void Restore(Direction? only = null)
    {
        Set(only, () => Fault.None);
        if (only is null)
        {
            Listen();
        }
    }

    /// <summary>Resets all connections, and waits for all that the proxy does.</summary>
    /// <exception cref="Exception">What <see cref="OnBytes"/> has thrown.</exception>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _listener?.Dispose();
            _listener = null;
        }

        await Task.WhenAll(_accepting);
        Reset();
        await Task.WhenAll(_connections.Values);
        _ports.Dispose();
        _failure?.Throw();
    }

    internal void Show(Direction direction, ReadOnlySpan<byte> bytes)
    {
        try
        {
            OnBytes?.Invoke(direction, bytes);
        }
        catch (Exception e)
        {
            _failure ??= ExceptionDispatchInfo.Capture(e);
            Reset();
        }
    }

    internal Lane OtherThan(Lane lane) => _lanes[1 - (int)lane.Direction];

    private void Set(Direction? only, Func<Fault> fault)
    {
        foreach (var lane in _lanes.Where(l => only is null || l.Direction == only))
        {
            lane.Fault = fault();
        }

        // a hole in a stream can only be told by ending it, and not before the hole is over in both directions
        foreach (var connection in _connections.Keys)
        {
            connection.ResetIfLost();
        }
    }

    private void Listen()
    {
        lock (_gate)
        {
            if (_listener is null && !_isDisposed)
            {
                _listener = ReservedPorts.BoundTo(Port);
                _listener.Listen(512);
                _accepting.Add(AcceptAsync(_listener));
            }
        }
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (true)
        {
            Socket client;
            try
            {
                client = await listener.AcceptAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                lock (_gate)
                {
                    if (_listener != listener)
                    {
                        return;
                    }
                }

                // a client that was gone before it was accepted
                continue;
            }

            Interlocked.Increment(ref _accepted);
            var connection = new ProxiedConnection(client, _lanes[0], _lanes[1]);
            // known before it runs, so that it can be found, and forgotten, whenever it ends
            var run = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _connections[connection] = run.Task;
            _ = ServeAsync(connection, run);
        }
    }

    private async Task ServeAsync(ProxiedConnection connection, TaskCompletionSource ended)
    {
        try
        {
            var (host, port) = Target;
            await connection.RunAsync(host, port);
        }
        catch (Exception e)
        {
            _failure ??= ExceptionDispatchInfo.Capture(e);
        }
        finally
        {
            _connections.TryRemove(connection, out _);
            ended.SetResult();
        }
    }
}
