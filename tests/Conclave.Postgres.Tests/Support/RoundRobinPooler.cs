using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading.Channels;

namespace Conclave.Postgres.Tests;

/// <summary>
/// A pooler in transaction mode: a client gets the next server connection with its first message, and gives it back when the server says that no
/// transaction is open and nothing is left to answer. The next client gets the one that was idle for longest, so nobody meets its own again.
/// </summary>
internal sealed class RoundRobinPooler : IAsyncDisposable
{
    private const int SslRequest = 80877103, GssRequest = 80877104, CancelRequest = 80877102;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Channel<Link> _idle = Channel.CreateUnbounded<Link>();
    private readonly ConcurrentBag<TcpClient> _sockets = [];
    private readonly ConcurrentBag<Task> _clients = [];
    private readonly byte[] _welcome;
    private readonly Task _accepting;
    private int _lent;

    private RoundRobinPooler(byte[] welcome)
    {
        _welcome = welcome;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How often a connection was lent.</summary>
    public int Lent => Volatile.Read(ref _lent);

    public static async Task<RoundRobinPooler> StartAsync(int serverPort, int connections)
    {
        var links = new List<Link>();
        byte[] welcome = [];
        for (int i = 0; i < connections; i++)
        {
            var client = new TcpClient { NoDelay = true };
            await client.ConnectAsync(IPAddress.Loopback, serverPort);
            var link = new Link(client.GetStream());
            byte[] parameters = Encoding.UTF8.GetBytes("user\0postgres\0database\0postgres\0client_encoding\0UTF8\0application_name\0pooler\0\0");
            byte[] startup = new byte[8 + parameters.Length];
            BinaryPrimitives.WriteInt32BigEndian(startup, startup.Length);
            BinaryPrimitives.WriteInt32BigEndian(startup.AsSpan(4), 196608);
            parameters.CopyTo(startup, 8);
            await link.Stream.WriteAsync(startup);
            var texts = new MemoryStream();
            while (await ReadAsync(link.Stream) is { } message && message[0] != 'Z')
            {
                Assert.NotEqual('E', (char)message[0]);

                // the number with which a connection is cancelled is made up
                texts.Write(message[0] == 'K' ? [(byte)'K', 0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 2] : message);
            }

            welcome = [.. texts.ToArray(), (byte)'Z', 0, 0, 0, 5, (byte)'I'];
            links.Add(link);
        }

        var pooler = new RoundRobinPooler(welcome);
        foreach (var link in links)
        {
            pooler._idle.Writer.TryWrite(link);
        }

        return pooler;
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
        foreach (var socket in _sockets)
        {
            socket.Dispose();
        }

        await Task.WhenAll(_clients);
        while (_idle.Reader.TryRead(out var link))
        {
            await link.Stream.DisposeAsync();
        }
    }

    private static async Task<byte[]?> ReadAsync(Stream stream)
    {
        byte[] header = new byte[5];
        try
        {
            await stream.ReadExactlyAsync(header);
            byte[] message = new byte[1 + BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(1))];
            header.CopyTo(message, 0);
            await stream.ReadExactlyAsync(message.AsMemory(5));
            return message;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            return null;
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync();
                client.NoDelay = true;
                _sockets.Add(client);
                _clients.Add(ServeAsync(client.GetStream()));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(NetworkStream client)
    {
        try
        {
            if (await WelcomeAsync(client))
            {
                while (await ReadAsync(client) is { } first && first[0] != 'X')
                {
                    await LendAsync(client, first);
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or ChannelClosedException)
        {
        }
    }

    private async Task<bool> WelcomeAsync(NetworkStream client)
    {
        byte[] head = new byte[8];
        while (true)
        {
            await client.ReadExactlyAsync(head);
            int code = BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4));
            if (code is SslRequest or GssRequest)
            {
                await client.WriteAsync(new[] { (byte)'N' });
                continue;
            }

            await client.ReadExactlyAsync(new byte[BinaryPrimitives.ReadInt32BigEndian(head) - 8]);
            if (code == CancelRequest)
            {
                return false;
            }

            await client.WriteAsync(_welcome);
            return true;
        }
    }

    private async Task LendAsync(NetworkStream client, byte[] first)
    {
        var link = await _idle.Reader.ReadAsync();
        Interlocked.Increment(ref _lent);
        byte[]? next = first;
        while (true)
        {
            // what the client asks, up to where it wants an answer
            while (next is not null && next[0] is not ((byte)'S' or (byte)'Q' or (byte)'X'))
            {
                await link.Stream.WriteAsync(next);
                next = await ReadAsync(client);
            }

            if (next is null || next[0] == 'X')
            {
                await GiveBackAsync(link);
                return;
            }

            await link.Stream.WriteAsync(next);
            while (true)
            {
                byte[] message = await ReadAsync(link.Stream) ?? throw new IOException("the server has closed a connection of the pooler");
                bool isFree = message[0] == 'Z' && message[5] == 'I';
                if (isFree)
                {
                    // before the client hears of it: its next call is to meet another connection
                    _idle.Writer.TryWrite(link);
                }

                try
                {
                    await client.WriteAsync(message);
                }
                catch (Exception e) when (e is IOException or ObjectDisposedException)
                {
                    // a client that went away: the rest of its answer is read all the same
                }

                if (isFree)
                {
                    return;
                }

                if (message[0] == 'Z')
                {
                    break;
                }
            }

            next = await ReadAsync(client);
        }
    }

    /// <summary>Takes a connection back whose client went away in the middle.</summary>
    private async Task GiveBackAsync(Link link)
    {
        byte[] rollback = [(byte)'S', 0, 0, 0, 4, (byte)'Q', 0, 0, 0, 13, .. "ROLLBACK\0"u8];
        await link.Stream.WriteAsync(rollback);
        for (int ends = 0; ends < 2;)
        {
            byte[] message = await ReadAsync(link.Stream) ?? throw new IOException("the server has closed a connection of the pooler");
            ends += message[0] == 'Z' ? 1 : 0;
        }

        _idle.Writer.TryWrite(link);
    }

    private sealed record Link(NetworkStream Stream);
}
