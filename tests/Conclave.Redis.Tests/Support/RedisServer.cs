using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Conclave.Redis.Tests;

public enum Flavor
{
    Redis7,
    Valkey8,
}

/// <summary>A real server in a folder of its own. With the environment that a preloaded clock needs, unlike the one of Conclave.Servers.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("conclave-redis-");
    private readonly Flavor _flavor;
    private readonly string[] _arguments;
    private readonly (string Name, string Value)[] _environment;
    private Process? _process;

    private RedisServer(Flavor flavor, string[] arguments, (string, string)[] environment)
    {
        (_flavor, _arguments, _environment) = (flavor, arguments, environment);
        Port = FreePort();
    }

    public int Port { get; }

    public string Folder => _folder.FullName;

    public static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    public static async Task<RedisServer> StartAsync(Flavor flavor = Flavor.Redis7, string[]? arguments = null, params (string, string)[] environment)
    {
        var server = new RedisServer(flavor, arguments ?? [], environment);
        await server.StartAsync();
        return server;
    }

    /// <summary>Starts a replica of this server, and waits until it is in step.</summary>
    public async Task<RedisServer> StartReplicaAsync()
    {
        var replica = await StartAsync(_flavor, ["--replicaof", "127.0.0.1", Port.ToString(CultureInfo.InvariantCulture)]);
        await Eventually.TrueAsync(async () => (await replica.DoAsync("INFO", "replication")).Contains("master_link_status:up", StringComparison.Ordinal));
        return replica;
    }

    /// <summary>Starts the process, again after <see cref="KillAsync"/>: on the same port and in the same folder.</summary>
    public async Task StartAsync()
    {
        var (programs, libraries) = Binaries(_flavor);
        var start = new ProcessStartInfo(Path.Combine(programs, _flavor == Flavor.Valkey8 ? "valkey-server" : "redis-server"))
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
        };
        foreach (string argument in (string[])["--port", Port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "", "--dir", Folder, .. _arguments])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["LD_LIBRARY_PATH"] = libraries;
        foreach (var (name, value) in _environment)
        {
            start.Environment[name] = value;
        }

        _process = Process.Start(start)!;
        var output = new List<string>();
        _process.OutputDataReceived += (_, e) =>
        {
            lock (output)
            {
                output.Add(e.Data ?? "");
            }
        };
        _process.BeginOutputReadLine();
        await Eventually.TrueAsync(() =>
        {
            Assert.False(_process.HasExited, string.Join('\n', output));
            try
            {
                using var socket = new TcpClient();
                socket.Connect(IPAddress.Loopback, Port);
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        });
    }

    /// <summary>As kill -9, or a power loss.</summary>
    public async Task KillAsync()
    {
        if (_process is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
            _process = null;
        }
    }

    /// <summary>SIGSTOP or SIGCONT.</summary>
    public void Signal(string name) => Process.Start("kill", [$"-{name}", _process!.Id.ToString(CultureInfo.InvariantCulture)])!.WaitForExit();

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _folder.Delete(recursive: true);
    }

    /// <summary>Sends commands as an operator would; the answer to the last one.</summary>
    public async Task<string> DoAsync(params string[] words)
    {
        await using var operator_ = await ConnectAsync();
        return await operator_.DoAsync(words);
    }

    public async Task<Operator> ConnectAsync()
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, Port);
        return new(new RespConnection(client.GetStream(), TimeProvider.System, TimeSpan.FromSeconds(20)));
    }

    public RedisStoreOptions Options(string name = "test") => new()
    {
        Hosts = [new("127.0.0.1", Port)],
        Namespace = name,
        TrustEmptyServer = true,
    };

    public RedisStore Store(string name = "test", Func<RedisStoreOptions, RedisStoreOptions>? change = null) => new((change ?? (o => o))(Options(name)));

    private static (string Programs, string Libraries) Binaries(Flavor flavor)
    {
        string programs = Servers.ServerBinaries.Require(flavor == Flavor.Valkey8 ? "valkey-8.0" : "redis-7.0").Folder;
        return (programs, Path.Combine(programs, "..", "lib"));
    }
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
