using System.Net;
using System.Net.Sockets;
using Conclave.Storage;

namespace Conclave.Redis.Tests;

/// <summary>What happens to the bytes of a connection.</summary>
internal enum Traffic
{
    Pass,

    /// <summary>Requests arrive, answers are lost.</summary>
    LoseAnswers,

    /// <summary>Nothing gets through, and nobody is told.</summary>
    Vanish,
}

/// <summary>A TCP proxy that breaks connections in the ways networks do.</summary>
internal sealed class FaultProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<TcpClient> _clients = [];
    private readonly List<Task> _pumps = [];
    private readonly Task _accepting;
    private int _port;
    private volatile int _traffic;

    public FaultProxy(StoreHost target)
    {
        _port = target.Port!.Value;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public StoreHost Host => new("127.0.0.1", ((IPEndPoint)_listener.LocalEndpoint).Port);

    public Traffic Traffic
    {
        get => (Traffic)_traffic;
        set => _traffic = (int)value;
    }

    public int Connections { get; private set; }

    /// <summary>Where new connections go.</summary>
    public void Retarget(StoreHost target) => _port = target.Port!.Value;

    /// <summary>Closes every connection.</summary>
    public void Cut()
    {
        lock (_clients)
        {
            foreach (var client in _clients)
            {
                client.Client?.Close(0);
            }

            _clients.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        Cut();
        await _accepting;
        await Task.WhenAll(_pumps);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync();
                var server = new TcpClient { NoDelay = true };
                client.NoDelay = true;
                Connections++;
                lock (_clients)
                {
                    _clients.Add(client);
                    _clients.Add(server);
                }

                _pumps.Add(ServeAsync(client, server));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(TcpClient client, TcpClient server)
    {
        using (client)
        using (server)
        {
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, _port);
                await Task.WhenAny(
                    PumpAsync(client.GetStream(), server.GetStream(), t => t == Traffic.Vanish),
                    PumpAsync(server.GetStream(), client.GetStream(), t => t != Traffic.Pass));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
            {
            }
        }
    }

    private async Task PumpAsync(NetworkStream from, NetworkStream to, Func<Traffic, bool> lose)
    {
        byte[] buffer = new byte[65536];
        try
        {
            while (await from.ReadAsync(buffer) is > 0 and var read)
            {
                if (!lose(Traffic))
                {
                    await to.WriteAsync(buffer.AsMemory(0, read));
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
        }
    }
}
