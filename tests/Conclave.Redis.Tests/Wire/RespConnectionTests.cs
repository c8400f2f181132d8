using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Conclave.Redis.Tests.Wire;

public sealed class RespConnectionTests
{
    [Fact]
    public async Task Answers_come_in_order_in_pieces_of_any_size_with_messages_between()
    {
        var (client, server) = Streams();
        var messages = new List<string>();
        await using var connection = new RespConnection(client, TimeProvider.System, TimeSpan.FromSeconds(10), (ref RespReader push) =>
        {
            _ = push.ReadArray();
            messages.Add(push.ReadText());
        });
        string big = new('x', 300_000);
        var answers = Enumerable.Range(0, 50).Select(i => connection.SendAsync(Echo(), default)).ToArray();
        var script = new StringBuilder();
        for (int i = 0; i < 50; i++)
        {
            script.Append(i % 7 == 0 ? $">1\r\n+m{i}\r\n" : "").Append(i == 25 ? $"${big.Length}\r\n{big}\r\n" : $"$2\r\n{i:D2}\r\n");
        }

        await ReceiveAsync(server, 50);
        byte[] bytes = Encoding.ASCII.GetBytes(script.ToString());
        var random = new Random(5);
        for (int at = 0; at < bytes.Length;)
        {
            int piece = Math.Min(bytes.Length - at, random.Next(1, at > 200 ? 5000 : 4));
            await server.WriteAsync(bytes.AsMemory(at, piece));
            at += piece;
        }

        string[] all = await Task.WhenAll(answers).InTime();
        Assert.Equal(Enumerable.Range(0, 50).Select(i => i == 25 ? big : $"{i:D2}"), all);
        Assert.Equal(["m0", "m7", "m14", "m21", "m28", "m35", "m42", "m49"], messages);
    }

    [Fact]
    public async Task An_error_answer_is_that_of_one_command()
    {
        var (client, server) = Streams();
        await using var connection = new RespConnection(client, TimeProvider.System, TimeSpan.FromSeconds(10));
        var first = connection.SendAsync(Echo(), default);
        var second = connection.SendAsync(Echo(), default);
        await ReceiveAsync(server, 2);
        await server.WriteAsync("-ERR no\r\n+yes\r\n"u8.ToArray());
        await Assert.ThrowsAsync<RedisErrorException>(() => first.InTime());
        Assert.Equal("yes", await second.InTime());
    }

    [Fact]
    public async Task Nonsense_breaks_the_connection_and_silence_does_too()
    {
        foreach (bool silent in (bool[])[false, true])
        {
            var (client, server) = Streams();
            await using var connection = new RespConnection(client, TimeProvider.System, TimeSpan.FromMilliseconds(100));
            var answer = connection.SendAsync(Echo(), default);
            if (!silent)
            {
                await ReceiveAsync(server, 1);
                await server.WriteAsync("nonsense\r\n"u8.ToArray());
            }

            Assert.True((await Assert.ThrowsAsync<ConnectionLostException>(() => answer.InTime())).MayBeSent);
            await connection.Broken.InTime();
            Assert.False((await Assert.ThrowsAsync<ConnectionLostException>(() => connection.SendAsync(Echo(), default))).MayBeSent);
        }
    }

    [Fact]
    public async Task The_answer_of_one_who_left_is_not_given_to_another()
    {
        var (client, server) = Streams();
        await using var connection = new RespConnection(client, TimeProvider.System, TimeSpan.FromSeconds(10));
        using var cancel = new CancellationTokenSource();
        var left = connection.SendAsync(Echo(), cancel.Token);
        var stays = connection.SendAsync(Echo(), default);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left.InTime());
        await ReceiveAsync(server, 2);
        await server.WriteAsync("+first\r\n+second\r\n"u8.ToArray());
        Assert.Equal("second", await stays.InTime());
    }

    [Fact]
    public async Task An_answer_that_nobody_asked_for_breaks_the_connection()
    {
        var (client, server) = Streams();
        await using var connection = new RespConnection(client, TimeProvider.System, TimeSpan.FromSeconds(10));
        await server.WriteAsync("+surprise\r\n"u8.ToArray());
        await connection.Broken.InTime();
    }

    /// <summary>A server answers what has reached it, and not before.</summary>
    private static Task ReceiveAsync(Stream server, int commands) =>
        server.ReadExactlyAsync(new byte[commands * "*1\r\n$4\r\nECHO\r\n".Length]).AsTask().InTime();

    private static PlainCommand<string> Echo() => new(static (ref RespReader answer) => answer.ReadText(), "ECHO");

    private static (Stream Client, Stream Server) Streams()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var client = new TcpClient { NoDelay = true };
        client.Connect((IPEndPoint)listener.LocalEndpoint);
        var server = listener.AcceptTcpClient();
        server.NoDelay = true;
        return (client.GetStream(), server.GetStream());
    }
}
