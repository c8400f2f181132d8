using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Conclave.Servers.Tests;

public sealed class ProxyTests : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly FaultProxy _proxy;

    public ProxyTests()
    {
        _listener.Start();
        _proxy = new("127.0.0.1", ((IPEndPoint)_listener.LocalEndpoint).Port);
    }

    public static TheoryData<Direction> Directions => [Direction.ToServer, Direction.ToClient];

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        _listener.Dispose();
    }

    [Fact]
    public async Task Carries_every_byte_in_order_whatever_is_switched_meanwhile()
    {
        using var pair = await ConnectAsync();
        byte[] sent = RandomNumberGenerator.GetBytes(8 << 20), received = new byte[8 << 20];
        var answer = pair.Server.ReceiveAllAsync(received);
        var sending = pair.Client.SendAllAsync(sent);
        for (int i = 1; i <= 20; i++)
        {
            _proxy.Hold(Direction.ToServer);
            _proxy.Delay(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(3), Direction.ToServer);
            await _proxy.PassedAsync(Direction.ToServer, i * (64 << 10)).InTime();
            _proxy.Restore();
        }

        await sending.InTime();
        await answer.InTime();
        Assert.True(sent.AsSpan().SequenceEqual(received));
        Assert.Equal(sent.Length, _proxy.Arrived(Direction.ToServer));
        Assert.Equal(sent.Length, _proxy.Passed(Direction.ToServer));
        Assert.Equal(0, _proxy.Arrived(Direction.ToClient));
    }

    [Fact]
    public async Task Ends_of_streams_get_through_one_by_one()
    {
        using var pair = await ConnectAsync();
        pair.Client.Shutdown(SocketShutdown.Send);
        Assert.Equal(0, await pair.Server.ReceiveAsync(new byte[1]).InTime());
        await pair.Server.SendAllAsync([7]);
        Assert.Equal([7], await pair.Client.ReceiveAsync(1));
        pair.Server.Dispose();
        Assert.Equal(0, await pair.Client.ReceiveAsync(new byte[1]).InTime());
        await Eventually.TrueAsync(() => _proxy.Open == 0);
        Assert.Equal(1, _proxy.Accepted);
    }

    [Fact]
    public async Task What_a_client_has_sent_reaches_the_server_after_the_client_is_gone_and_others_do_not_wait_for_it()
    {
        using var pair = await ConnectAsync();
        _proxy.Hold(Direction.ToServer);
        await pair.Client.SendAllAsync([1, 2]);
        await _proxy.ArrivedAsync(Direction.ToServer, 2).InTime();
        var watch = Stopwatch.StartNew();
        _proxy.Strand(TimeSpan.FromMilliseconds(300));
        await Assert.ThrowsAsync<SocketException>(() => pair.Client.ReceiveAsync(new byte[1]).InTime());
        _proxy.Restore();

        // the answer to what came before is nobody's, and takes nothing away
        await pair.Server.SendAllAsync([9]);
        using var next = await ConnectAsync();
        await next.Client.SendAllAsync([3]);
        Assert.Equal([3], await next.Server.ReceiveAsync(1));
        Assert.Equal([1, 2], await pair.Server.ReceiveAsync(2));
        Assert.True(watch.Elapsed >= TimeSpan.FromMilliseconds(300), $"{watch.Elapsed}");
        await Eventually.TrueAsync(() => _proxy.Open == 1);
    }

    [Fact]
    public async Task A_connection_that_is_forgotten_stays_open_and_dark_and_a_new_one_is_whole()
    {
        using var pair = await ConnectAsync();
        _proxy.Forget();
        await pair.Client.SendAllAsync([1, 2]);
        await pair.Server.SendAllAsync([3]);
        await _proxy.LostAsync(Direction.ToServer, 2).InTime();
        await _proxy.LostAsync(Direction.ToClient, 1).InTime();
        using var next = await ConnectAsync();
        await next.Client.SendAllAsync([4]);
        Assert.Equal([4], await next.Server.ReceiveAsync(1));
        Assert.Equal(2, _proxy.Open);
        pair.Client.Dispose();
        Assert.Equal(0, await pair.Server.ReceiveAsync(new byte[1]).InTime());
    }

    [Theory]
    [MemberData(nameof(Directions))]
    public async Task Delays_one_direction(Direction direction)
    {
        using var pair = await ConnectAsync();
        var (from, to) = pair.Along(direction);
        _proxy.Delay(TimeSpan.FromMilliseconds(200), only: direction);
        var watch = Stopwatch.StartNew();
        await to.SendAllAsync([1]);
        Assert.Equal([1], await from.ReceiveAsync(1));
        Assert.Equal(0, _proxy.Passed(direction));
        await from.SendAllAsync([2]);
        Assert.Equal([2], await to.ReceiveAsync(1));
        Assert.True(watch.Elapsed >= TimeSpan.FromMilliseconds(200), $"{watch.Elapsed}");
    }

    [Fact]
    public async Task A_delay_that_is_over_holds_nothing_up()
    {
        using var pair = await ConnectAsync();
        _proxy.Delay(TimeSpan.FromHours(1));
        await pair.Client.SendAllAsync([1]);
        await _proxy.ArrivedAsync(Direction.ToServer, 1).InTime();
        _proxy.Restore();
        Assert.Equal([1], await pair.Server.ReceiveAsync(1));
    }

    [Theory]
    [MemberData(nameof(Directions))]
    public async Task Holds_one_direction_and_lets_it_go(Direction direction)
    {
        using var pair = await ConnectAsync();
        var (from, to) = pair.Along(direction);
        _proxy.Hold(direction);
        await from.SendAllAsync([1, 2, 3]);
        from.Shutdown(SocketShutdown.Send);
        await _proxy.ArrivedAsync(direction, 3).InTime();
        await to.SendAllAsync([4]);
        Assert.Equal([4], await from.ReceiveAsync(1));
        Assert.Equal(0, _proxy.Passed(direction));
        Assert.Equal(0, to.Available);

        _proxy.Restore(direction);
        Assert.Equal([1, 2, 3], await to.ReceiveAsync(3));
        Assert.Equal(0, await to.ReceiveAsync(new byte[1]).InTime());
    }

    [Theory]
    [MemberData(nameof(Directions))]
    public async Task Drops_one_direction_silently_and_resets_what_has_a_hole(Direction direction)
    {
        using var pair = await ConnectAsync();
        using var whole = await ConnectAsync();
        var (from, to) = pair.Along(direction);
        _proxy.Drop(direction);
        await from.SendAllAsync([1]);
        await _proxy.LostAsync(direction, 1).InTime();
        await to.SendAllAsync([4]);
        Assert.Equal([4], await from.ReceiveAsync(1));
        Assert.Equal(0, _proxy.Passed(direction));
        Assert.Equal(0, to.Available);

        _proxy.Restore();
        await AssertResetAsync(from);
        await AssertResetAsync(to);
        var (left, right) = whole.Along(direction);
        await left.SendAllAsync([5]);
        Assert.Equal([5], await right.ReceiveAsync(1));
    }

    [Fact]
    public async Task A_black_hole_swallows_new_connections_and_news_of_ends()
    {
        using var old = await ConnectAsync();
        await old.ExchangeAsync();
        _proxy.Drop();
        old.Server.LingerState = new(true, 0);
        old.Server.Dispose();
        using var late = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await late.ConnectAsync(_proxy.Host, _proxy.Port);
        await late.SendAllAsync([1]);
        await _proxy.LostAsync(Direction.ToServer, 1).InTime();
        Assert.False(_listener.Pending());
        var answer = old.Client.ReceiveAsync(new byte[1]);
        Assert.False(answer.IsCompleted);
        Assert.Equal(2, _proxy.Open);

        _proxy.Restore();
        await AssertResetAsync(late);
        await Assert.ThrowsAsync<SocketException>(() => answer.InTime());
        using var after = await ConnectAsync();
        await after.Client.SendAllAsync([1]);
        Assert.Equal([1], await after.Server.ReceiveAsync(1));
    }

    [Fact]
    public async Task Resets_all_connections()
    {
        using var first = await ConnectAsync();
        using var second = await ConnectAsync();
        _proxy.Reset();
        await AssertResetAsync(first.Client);
        await AssertResetAsync(first.Server);
        await AssertResetAsync(second.Client);
        await AssertResetAsync(second.Server);
    }

    [Fact]
    public async Task Tells_a_reset_of_one_side_to_the_other()
    {
        using var pair = await ConnectAsync();
        pair.Client.LingerState = new(true, 0);
        pair.Client.Dispose();
        await AssertResetAsync(pair.Server);
    }

    [Fact]
    public async Task Closes_all_connections()
    {
        using var pair = await ConnectAsync();
        await pair.ExchangeAsync();
        _proxy.Close();
        Assert.Equal(0, await pair.Client.ReceiveAsync(new byte[1]).InTime());
        Assert.Equal(0, await pair.Server.ReceiveAsync(new byte[1]).InTime());
    }

    [Theory]
    [MemberData(nameof(Directions))]
    public async Task Cuts_each_connection_after_some_bytes(Direction direction)
    {
        using var old = await ConnectAsync();
        var (from, to) = old.Along(direction);
        await from.SendAllAsync([9, 9]);
        Assert.Equal([9, 9], await to.ReceiveAsync(2));
        _proxy.CutAfter(3, direction);
        using var late = await ConnectAsync();
        foreach (var pair in new[] { old, late })
        {
            (from, to) = pair.Along(direction);
            await from.SendAllAsync([1, 2]);
            Assert.Equal([1, 2], await to.ReceiveAsync(2));
            await from.SendAllAsync([3, 4]);
            Assert.Equal([3], await to.ReceiveAsync(1));
            await AssertResetAsync(to);
            await AssertResetAsync(from);
        }
    }

    [Fact]
    public async Task Cuts_one_connection_before_its_answer_and_no_other()
    {
        using var first = await ConnectAsync();
        using var second = await ConnectAsync();
        _proxy.CutAfter(0, Direction.ToClient, once: true);
        await AskAsync(first);

        // only then: whose answer comes first is the one that is cut
        await AssertResetAsync(first.Client);
        await AskAsync(second);
        Assert.Equal([2], await second.Client.ReceiveAsync(1));

        static async Task AskAsync(Pair pair)
        {
            await pair.Client.SendAllAsync([1]);
            Assert.Equal([1], await pair.Server.ReceiveAsync(1));
            await pair.Server.SendAllAsync([2]);
        }
    }

    [Fact]
    public async Task Refuses_new_connections_at_a_port_that_stays_its_own()
    {
        using var old = await ConnectAsync();
        int port = _proxy.Port;
        _proxy.Refuse();
        using var refused = new Socket(SocketType.Stream, ProtocolType.Tcp);
        var error = await Assert.ThrowsAsync<SocketException>(() => refused.ConnectAsync(_proxy.Host, port));
        Assert.Equal(SocketError.ConnectionRefused, error.SocketErrorCode);
        await old.Client.SendAllAsync([1]);
        Assert.Equal([1], await old.Server.ReceiveAsync(1));

        _proxy.Restore();
        using var late = await ConnectAsync();
        Assert.Equal(port, _proxy.Port);
    }

    [Fact]
    public async Task Shows_bytes_before_they_pass()
    {
        using var pair = await ConnectAsync();
        _proxy.OnBytes = (direction, bytes) =>
        {
            if (direction == Direction.ToServer && bytes[0] == 2)
            {
                _proxy.Drop(Direction.ToServer);
            }
        };
        await pair.Client.SendAllAsync([1]);
        Assert.Equal([1], await pair.Server.ReceiveAsync(1));
        await pair.Client.SendAllAsync([2]);
        await _proxy.LostAsync(Direction.ToServer, 1).InTime();
        _proxy.Restore();
        await AssertResetAsync(pair.Client);
        Assert.Equal(1, _proxy.Passed(Direction.ToServer));
    }

    [Fact]
    public async Task A_hook_that_fails_is_told_at_the_end()
    {
        var proxy = new FaultProxy("127.0.0.1", ((IPEndPoint)_listener.LocalEndpoint).Port) { OnBytes = (_, _) => throw new NotSupportedException("mine") };
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(proxy.Host, proxy.Port);
        await client.SendAllAsync([1]);
        await AssertResetAsync(client);
        await Assert.ThrowsAsync<NotSupportedException>(async () => await proxy.DisposeAsync());
    }

    [Fact]
    public async Task A_server_that_is_not_there_resets()
    {
        using var nobody = new ReservedPorts(1);
        _proxy.Target = ("127.0.0.1", nobody[0]);
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await client.ConnectAsync(_proxy.Host, _proxy.Port);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // it came before the client had looked
            return;
        }

        await AssertResetAsync(client);
    }

    [Fact]
    public async Task A_real_server_works_behind_it()
    {
        await using var server = await RedisServer.StartAsync();
        await using var proxy = new FaultProxy(server);
        await using var connection = await RespConnection.OpenAsync(proxy.Host, proxy.Port, null, default);
        Assert.Equal("PONG", await connection.AskAsync(["PING"], default));
    }

    private static async Task AssertResetAsync(Socket socket)
    {
        var error = await Assert.ThrowsAsync<SocketException>(() => socket.ReceiveAsync(new byte[1]).InTime());
        Assert.Equal(SocketError.ConnectionReset, error.SocketErrorCode);
    }

    private async Task<Pair> ConnectAsync()
    {
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(_proxy.Host, _proxy.Port);
        return new(client, await _listener.AcceptSocketAsync().InTime());
    }

    private sealed record Pair(Socket Client, Socket Server) : IDisposable
    {
        public (Socket From, Socket To) Along(Direction direction) => direction == Direction.ToServer ? (Client, Server) : (Server, Client);

        /// <summary>Makes sure that the connection is there in all its parts.</summary>
        public async Task ExchangeAsync()
        {
            foreach (var direction in Enum.GetValues<Direction>())
            {
                var (from, to) = Along(direction);
                await from.SendAllAsync([0]);
                await to.ReceiveAsync(1);
            }
        }

        public void Dispose()
        {
            Client.Dispose();
            Server.Dispose();
        }
    }
}
