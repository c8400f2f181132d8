using System.Net.Sockets;
using System.Text;
using Conclave.Redis;
using Conclave.Servers;
using RespConnection = Conclave.Redis.RespConnection;

namespace Conclave.Bench;

/// <summary>The bare wire: Redis's commands without a store.</summary>
internal static class RedisWire
{
    public static async Task<RespConnection> ConnectAsync(RedisServer server)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(server.Host, server.Port);
        var connection = new RespConnection(client.GetStream(), TimeProvider.System, TimeSpan.FromSeconds(20));
        await connection.SendAsync(new Words<bool>(["HELLO", "3"], Skip), default);
        return connection;
    }

    public static bool Skip(ref RespReader answer)
    {
        answer.Skip();
        return true;
    }
}

/// <summary>A command of words that are there already.</summary>
internal sealed class Words<T>(byte[][] words, PlainCommand<T>.Reader read) : RedisCommand<T>
{
    public Words(string[] words, PlainCommand<T>.Reader read)
        : this([.. words.Select(Encoding.UTF8.GetBytes)], read)
    {
    }

    public override void Write(RespWriter writer)
    {
        writer.Command(words.Length);
        foreach (byte[] word in words)
        {
            writer.Word(word);
        }
    }

    protected override T Read(ref RespReader answer) => read(ref answer);
}
