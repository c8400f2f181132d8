using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Conclave.Servers;

/// <summary>One etcd, by itself or as a member of an <see cref="EtcdCluster"/>.</summary>
public sealed class EtcdServer : Server
{
    private readonly HttpClient _http;

    internal EtcdServer(ServerBinary binary, ReservedPorts ports, EtcdOptions options, Certificates? certificates, string name)
        : base(binary, ports)
    {
        (Options, Certificates, Name) = (options, certificates, name);
        certificates?.WriteTo(TlsFolder);
        Peers = options.ProxiesPeers ? new(Host, Ports[1]) : null;
        _http = new(new SocketsHttpHandler { SslOptions = certificates?.ClientOptions() ?? new() }) { BaseAddress = new(Endpoint) };
        InitialCluster = $"{name}={PeerEndpoint}";
    }

    /// <summary>How it was started.</summary>
    public EtcdOptions Options { get; }

    /// <summary>Its name in the cluster.</summary>
    public string Name { get; }

    /// <summary>Its address for clients: <c>http://127.0.0.1:PORT</c>, or https.</summary>
    public string Endpoint => $"{(Options.Tls == Tls.None ? "http" : "https")}://{Host}:{Port}";

    /// <summary>Its address for the other members.</summary>
    public string PeerEndpoint => $"http://{Host}:{Peers?.Port ?? Ports[1]}";

    /// <summary>The way on which the other members reach it; null where they do so directly. What it loses, this member never hears; it is heard all the same.</summary>
    public FaultProxy? Peers { get; }

    /// <summary>What a client needs for TLS; null without it. A cluster shares them.</summary>
    public Certificates? Certificates { get; }

    /// <summary>The folder of ca.pem, client.pem and client.key, with TLS.</summary>
    public string TlsFolder => Path.Combine(Folder, "tls");

    internal string InitialCluster { get; set; }

    internal string InitialClusterState { get; set; } = "new";

    /// <summary>Whether it is alone; a member of a cluster cannot lose its data and come back as the same.</summary>
    private bool IsAlone => !InitialCluster.Contains(',', StringComparison.Ordinal);

    /// <summary>Starts one etcd, and waits until it commits.</summary>
    /// <exception cref="ServerMissingException">etcd is not on this machine.</exception>
    public static Task<EtcdServer> StartAsync(EtcdOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new();
        var binary = ServerBinaries.Require($"etcd-{options.Version}");
        return Readiness.StartAsync(
            () => new EtcdServer(binary, new(2), options, options.Tls == Tls.None ? null : new(), "m0"),
            server => server.StartAsync(cancellationToken));
    }

    /// <summary>Runs etcdctl against this server, as root where authentication is on.</summary>
    public Task<CommandResult> EtcdctlAsync(params IEnumerable<string> arguments) => Command.RunAsync(Etcdctl(Endpoint, arguments));

    /// <summary>Starts an etcdctl that goes on, such as <c>etcdctl lock</c>.</summary>
    public Task<RunningCommand> StartEtcdctlAsync(params IEnumerable<string> arguments) => RunningCommand.StartAsync(Etcdctl(Endpoint, arguments));

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">It is a member of a cluster: see <see cref="EtcdCluster.ReplaceAsync"/>.</exception>
    public override Task RestartWithoutDataAsync(CancellationToken cancellationToken = default) => IsAlone
        ? base.RestartWithoutDataAsync(cancellationToken)
        : throw new InvalidOperationException("A member of a cluster that lost its data has to be replaced: EtcdCluster.ReplaceAsync.");

    /// <summary>Who leads the cluster, as this member sees it.</summary>
    /// <returns>Its own id, the leader's (0 if it knows none), and the term.</returns>
    internal async Task<(ulong Self, ulong Leader, ulong Term)> StatusAsync(CancellationToken cancellationToken)
    {
        var result = await Command.RunAsync(Etcdctl(Endpoint, ["endpoint", "status", "--write-out=json", "--command-timeout=2s"]), cancellationToken);
        var status = JsonNode.Parse(result.OutputOfSuccess())![0]!["Status"]!;
        return ((ulong)status["header"]!["member_id"]!, (ulong?)status["leader"] ?? 0, (ulong)status["raftTerm"]!);
    }

    internal List<string> Etcdctl(string endpoints, IEnumerable<string> arguments)
    {
        List<string> command = ["env", "ETCDCTL_API=3", .. Binary.Program("etcdctl"), "--endpoints", endpoints];
        if (Options.Tls != Tls.None)
        {
            command.AddRange(["--cacert", InTls("ca.pem"), "--cert", InTls("client.pem"), "--key", InTls("client.key")]);
        }

        if (Options.RootPassword is { } password && IsAuthOn)
        {
            command.AddRange(["--user", $"root:{password}"]);
        }

        command.AddRange(arguments);
        return command;
    }

    /// <summary>Whether authentication is on by now.</summary>
    internal bool IsAuthOn { get; set; }

    internal async Task EnableAuthAsync(CancellationToken cancellationToken)
    {
        IsAuthOn = false;
        string[][] steps = [["user", "add", $"root:{Options.RootPassword}"], ["user", "grant-role", "root", "root"], ["auth", "enable"]];
        foreach (string[] step in steps)
        {
            (await Command.RunAsync(Etcdctl(Endpoint, step), cancellationToken)).OutputOfSuccess();
        }

        IsAuthOn = true;
    }

    private protected override IEnumerable<string> CommandLine()
    {
        List<string> command =
        [
            .. Binary.Program("etcd"), "--name", Name, "--data-dir", DataFolder,
            "--listen-client-urls", Endpoint, "--advertise-client-urls", Endpoint,
            "--listen-peer-urls", $"http://{Host}:{Ports[1]}", "--initial-advertise-peer-urls", PeerEndpoint,
            "--initial-cluster", InitialCluster, "--initial-cluster-state", InitialClusterState,
            "--initial-cluster-token", InitialCluster,
            "--heartbeat-interval", Milliseconds(Options.Heartbeat), "--election-timeout", Milliseconds(Options.Election),
        ];
        if (!Options.Fsync)
        {
            command.Add("--unsafe-no-fsync");
        }

        if (Options.Tls != Tls.None)
        {
            command.AddRange(["--cert-file", InTls("server.pem"), "--key-file", InTls("server.key")]);
        }

        if (Options.Tls == Tls.Mutual)
        {
            command.AddRange(["--client-cert-auth", "--trusted-ca-file", InTls("ca.pem")]);
        }

        return command.Concat(Options.Arguments);
    }

    private protected override async Task<bool> ProbeAsync(CancellationToken cancellationToken)
    {
        // answered by a read that goes through the leader
        var health = await _http.GetFromJsonAsync<JsonElement>("health", cancellationToken);
        return health.GetProperty("health").GetString() == "true";
    }

    private protected override Task ConfigureAsync(CancellationToken cancellationToken) =>
        Options.RootPassword is not null && IsAlone ? EnableAuthAsync(cancellationToken) : Task.CompletedTask;

    private protected override ValueTask DisposeMoreAsync()
    {
        _http.Dispose();
        if (IsAlone)
        {
            Certificates?.Dispose();
        }

        return Peers?.DisposeAsync() ?? default;
    }

    private static string Milliseconds(TimeSpan time) => time.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture);

    private string InTls(string file) => Path.Combine(TlsFolder, file);
}
