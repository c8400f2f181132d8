using System.Globalization;

namespace Conclave.Servers;

/// <summary>One Redis or Valkey.</summary>
public sealed class RedisServer : Server
{
    private readonly bool _ownsCertificates;

    private RedisServer(ServerBinary binary, RedisOptions options)
        : base(binary, new(1))
    {
        Options = options;
        _ownsCertificates = options.Tls != Tls.None && options.ReplicaOf is null;
        Certificates = _ownsCertificates ? new() : options.ReplicaOf?.Certificates;
        Certificates?.WriteTo(TlsFolder);
    }

    /// <summary>How it was started.</summary>
    public RedisOptions Options { get; }

    /// <summary>What a client needs for TLS; null without it. A replica has its master's.</summary>
    public Certificates? Certificates { get; }

    /// <summary>The folder of ca.pem, client.pem and client.key, with TLS.</summary>
    public string TlsFolder => Path.Combine(Folder, "tls");

    /// <summary>Starts a server, and waits until it answers; a replica, until it has a copy of its master.</summary>
    /// <exception cref="ServerMissingException">The server is not on this machine.</exception>
    public static Task<RedisServer> StartAsync(RedisOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new();
        var binary = ServerBinaries.Require(options.Flavor == RedisFlavor.Redis7 ? "redis-7.0" : "valkey-8.0");
        return Readiness.StartAsync(() => new RedisServer(binary, options), server => server.StartAsync(cancellationToken));
    }

    /// <summary>Sends one command on a connection of its own.</summary>
    /// <returns>The answer; null for none; the parts of a list in lines.</returns>
    /// <exception cref="InvalidOperationException">The server answered with an error.</exception>
    public Task<string?> CommandAsync(params string[] command) => CommandAsync(command, default);

    /// <inheritdoc cref="CommandAsync(string[])"/>
    public async Task<string?> CommandAsync(string[] command, CancellationToken cancellationToken)
    {
        await using var connection = await RespConnection.OpenAsync(Host, Port, Certificates, cancellationToken);
        if (Options.Password is { } password)
        {
            await connection.AskAsync(["AUTH", password], cancellationToken);
        }

        return await connection.AskAsync(command, cancellationToken);
    }

    private protected override IEnumerable<string> CommandLine()
    {
        string port = Port.ToString(CultureInfo.InvariantCulture);
        List<string> command =
        [
            .. SteppedClock.Prefix(Options.Clock), .. Binary.Program(Options.Flavor == RedisFlavor.Redis7 ? "redis-server" : "valkey-server"),
            "--bind", Host, "--dir", DataFolder, "--save", "", "--appendonly", Options.AppendOnly ? "yes" : "no",
            "--maxmemory-policy", Options.MaxMemoryPolicy, "--maxmemory", Options.MaxMemory ?? "0", "--repl-diskless-sync-delay", "0",
        ];
        command.AddRange(Options.Tls == Tls.None
            ? ["--port", port]
            :
            [
                "--port", "0", "--tls-port", port, "--tls-auth-clients", Options.Tls == Tls.Mutual ? "yes" : "no", "--tls-replication", "yes",
                "--tls-cert-file", InTls("server.pem"), "--tls-key-file", InTls("server.key"), "--tls-ca-cert-file", InTls("ca.pem"),
            ]);
        if (Options.Password is { } password)
        {
            command.AddRange(["--requirepass", password, "--masterauth", password]);
        }

        if (Options.ReplicaOf is { } master)
        {
            command.AddRange(["--replicaof", $"{master.Host} {master.Port}"]);
        }

        return command.Concat(Options.Arguments);
    }

    private protected override async Task<bool> ProbeAsync(CancellationToken cancellationToken)
    {
        if (await CommandAsync(["PING"], cancellationToken) != "PONG")
        {
            return false;
        }

        return Options.ReplicaOf is null
            || (await CommandAsync(["INFO", "replication"], cancellationToken))!.Contains("master_link_status:up", StringComparison.Ordinal);
    }

    private protected override ValueTask DisposeMoreAsync()
    {
        if (_ownsCertificates)
        {
            Certificates?.Dispose();
        }

        return default;
    }

    private string InTls(string file) => Path.Combine(TlsFolder, file);
}
