using System.Net.Sockets;
using Conclave.Servers;

namespace Conclave.Redis.Tests;

/// <summary>A real server, with what the tests of this engine ask of one.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private readonly Servers.RedisServer _server;

    private RedisServer(Servers.RedisServer server) => _server = server;

    public int Port => _server.Port;

    public string Folder => _server.Folder;

    public static async Task<RedisServer> StartAsync(RedisFlavor flavor = RedisFlavor.Redis7, string[]? arguments = null, SteppedClock? clock = null) =>
        new(await Servers.RedisServer.StartAsync(new() { Flavor = flavor, Arguments = arguments ?? [], Clock = clock }));

    /// <summary>Starts a replica of this server, and waits until it is in step.</summary>
    public async Task<RedisServer> StartReplicaAsync() =>
        new(await Servers.RedisServer.StartAsync(new() { Flavor = _server.Options.Flavor, ReplicaOf = _server }));

    /// <summary>Starts the process again after <see cref="KillAsync"/>: on the same port and in the same folder.</summary>
    public Task StartAsync() => _server.RestartAsync();

    /// <summary>As kill -9, or a power loss.</summary>
    public async Task KillAsync()
    {
        _server.Kill();
        await _server.ExitedAsync();
    }

    /// <summary>SIGSTOP.</summary>
    public void Stop() => _server.Stop();

    /// <summary>SIGCONT.</summary>
    public void Continue() => _server.Continue();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    /// <summary>Sends commands as an operator would; the answer to the last one.</summary>
    public async Task<string> DoAsync(params string[] words)
    {
        await using var operator_ = await ConnectAsync();
        return await operator_.DoAsync(words);
    }

    public async Task<Operator> ConnectAsync()
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(_server.Host, Port);
        return new(new RespConnection(client.GetStream(), TimeProvider.System, TimeSpan.FromSeconds(20)));
    }

    public RedisStoreOptions Options(string name = "test") => new()
    {
        Hosts = [new("127.0.0.1", Port)],
        Namespace = name,
        TrustEmptyServer = true,
    };

    public RedisStore Store(string name = "test", Func<RedisStoreOptions, RedisStoreOptions>? change = null) => new((change ?? (o => o))(Options(name)));
}

/// <summary>A bare connection of our own wire client, for what only tests and operators do.</summary>
public sealed class Operator : IAsyncDisposable
{
    private readonly RespConnection _connection;

    internal Operator(RespConnection connection) => _connection = connection;

    internal IRedisConnection Connection => _connection;

    public Task<string> DoAsync(params string[] words) => _connection.SendAsync(new PlainCommand<string>(Read, words), default).WaitAsync(TimeSpan.FromSeconds(20));

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private static string Read(ref RespReader answer)
    {
        if (answer.Peek() is not ((byte)'*' or (byte)'%' or (byte)'~'))
        {
            return answer.ReadText();
        }

        var parts = new List<string>();
        for (int left = answer.ReadArray(); left > 0; left--)
        {
            parts.Add(Read(ref answer));
        }

        return string.Join('\n', parts);
    }
}
