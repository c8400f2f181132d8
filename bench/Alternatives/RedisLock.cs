using System.Net.Sockets;
using Conclave.Redis;
using Conclave.Storage;

namespace Conclave.Alternatives;

/// <summary>
/// The snippet that everybody knows: <c>SET name value NX PX</c>, and a script that deletes the name if the value is still ours. Nobody renews
/// it: who works longer than the time to live works beside the next one, and nothing tells him so.
/// </summary>
internal sealed class RedisLock : PollingLock
{
    public const string CompareAndDelete = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";

    private readonly RespConnection _connection;
    private readonly string _value = Guid.NewGuid().ToString("n");
    private readonly string _milliseconds;
    private string _script = "";

    private RedisLock(RespConnection connection, TimeSpan timeToLive, TimeSpan pause)
        : base(pause) => (_connection, _milliseconds) = (connection, $"{(long)timeToLive.TotalMilliseconds}");

    public static async Task<RedisLock> ConnectAsync(StoreHost host, TimeSpan timeToLive, TimeSpan pause)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(host.Name, host.Port!.Value);
        var connection = new RespConnection(client.GetStream(), TimeProvider.System, TimeSpan.FromSeconds(20));
        await connection.SendAsync(new PlainCommand<bool>(Skip, "HELLO", "3"), default);
        return new(connection, timeToLive, pause)
        {
            _script = await connection.SendAsync(new PlainCommand<string>(static (ref RespReader answer) => answer.ReadText(), "SCRIPT", "LOAD", CompareAndDelete), default),
        };
    }

    public override Task<bool> TryAcquireAsync(string name)
    {
        Count();
        return _connection.SendAsync(new PlainCommand<bool>(IsOk, "SET", $"hand:{name}", _value, "NX", "PX", _milliseconds), default);
    }

    public override Task ReleaseAsync(string name)
    {
        Count();
        return _connection.SendAsync(new PlainCommand<bool>(Skip, "EVALSHA", _script, "1", $"hand:{name}", _value), default);
    }

    /// <summary>What its writer adds when the work got longer: each lock by itself, and without looking whose it is.</summary>
    public Task RenewAsync(string name)
    {
        Count();
        return _connection.SendAsync(new PlainCommand<bool>(Skip, "PEXPIRE", $"hand:{name}", _milliseconds), default);
    }

    public override ValueTask DisposeAsync() => _connection.DisposeAsync();

    private static bool Skip(ref RespReader answer)
    {
        answer.Skip();
        return true;
    }

    private static bool IsOk(ref RespReader answer)
    {
        if (answer.Peek() == (byte)'+')
        {
            return answer.ReadText() == "OK";
        }

        answer.Skip();
        return false;
    }
}
