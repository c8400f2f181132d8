using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace Conclave.Servers;

/// <summary>One Consul agent that is a server, by itself or as a member of a <see cref="ConsulCluster"/>. Its data outlives a restart.</summary>
public sealed class ConsulServer : Server
{
    private readonly HttpClient _http;

    internal ConsulServer(ServerBinary binary, ReservedPorts ports, ConsulOptions options, string name)
        : base(binary, ports)
    {
        (Options, Name) = (options, name);
        _http = new() { BaseAddress = new(Endpoint) };
        if (options.ManagementToken is { } token)
        {
            _http.DefaultRequestHeaders.Add("X-Consul-Token", token);
        }
    }

    /// <summary>How it was started.</summary>
    public ConsulOptions Options { get; }

    /// <summary>The name of its node.</summary>
    public string Name { get; }

    /// <summary>Its address for clients: <c>http://127.0.0.1:PORT</c>.</summary>
    public string Endpoint => $"http://{Host}:{Port}";

    /// <summary>Where the other members reach it.</summary>
    internal string RaftAddress => $"{Host}:{Ports[1]}";

    internal string SerfAddress => $"{Host}:{Ports[2]}";

    /// <summary>Whom it joins; how many of them make a cluster.</summary>
    internal IReadOnlyList<ConsulServer> Members { get; set; } = [];

    /// <summary>Starts one Consul, and waits until it makes sessions.</summary>
    /// <exception cref="ServerMissingException">Consul is not on this machine.</exception>
    public static Task<ConsulServer> StartAsync(ConsulOptions? options = null, CancellationToken cancellationToken = default)
    {
        var binary = ServerBinaries.Require("consul-1.8");
        return Readiness.StartAsync(
            () => new ConsulServer(binary, new(3), options ?? new(), "n0"),
            server => server.StartAsync(cancellationToken));
    }

    /// <summary>Runs the consul program against this server, with the management token where there is one.</summary>
    public Task<CommandResult> ConsulAsync(params IEnumerable<string> arguments) => Command.RunAsync([.. Consul(arguments)]);

    /// <summary>Starts a consul program that goes on, such as <c>consul lock</c>.</summary>
    public Task<RunningCommand> StartConsulAsync(params IEnumerable<string> arguments) => RunningCommand.StartAsync(Consul(arguments));

    /// <summary>The address of the server that leads, as this one sees it; empty if it knows none.</summary>
    internal async Task<string> LeaderAsync(CancellationToken cancellationToken) =>
        (await _http.GetFromJsonAsync<string>("v1/status/leader", cancellationToken))!;

    private protected override IEnumerable<string> CommandLine()
    {
        string config = Path.Combine(Folder, "consul.json");
        File.WriteAllText(config, Configuration().ToJsonString());
        return [.. Binary.Program("consul"), "agent", "-config-file", config, .. Options.Arguments];
    }

    private protected override async Task<bool> ProbeAsync(CancellationToken cancellationToken)
    {
        // there is a leader, and the node is registered with its health check: both are needed for a session
        using var created = await _http.PutAsync("v1/session/create", null, cancellationToken);
        if (!created.IsSuccessStatusCode)
        {
            return false;
        }

        var session = await created.Content.ReadFromJsonAsync<JsonObject>(cancellationToken);
        using var destroyed = await _http.PutAsync($"v1/session/destroy/{session!["ID"]}", null, cancellationToken);
        return destroyed.IsSuccessStatusCode;
    }

    private protected override ValueTask DisposeMoreAsync()
    {
        _http.Dispose();
        return default;
    }

    private List<string> Consul(IEnumerable<string> arguments)
    {
        List<string> command = ["env", $"CONSUL_HTTP_ADDR={Endpoint}"];
        if (Options.ManagementToken is { } token)
        {
            command.Add($"CONSUL_HTTP_TOKEN={token}");
        }

        command.AddRange(Binary.Program("consul"));
        command.AddRange(arguments);
        return command;
    }

    private JsonObject Configuration()
    {
        var others = Members.Where(m => m != this).Select(m => (JsonNode)m.SerfAddress);
        var configuration = new JsonObject
        {
            ["node_name"] = Name,
            ["server"] = true,
            ["bootstrap_expect"] = Math.Max(1, Members.Count),
            ["retry_join"] = new JsonArray([.. others]),
            ["retry_interval"] = "100ms",
            ["data_dir"] = DataFolder,
            ["bind_addr"] = Host,
            ["client_addr"] = Host,
            ["disable_update_check"] = true,
            ["leave_on_terminate"] = false,
            ["session_ttl_min"] = $"{Options.SessionTtlMinimum.TotalMilliseconds.ToString(CultureInfo.InvariantCulture)}ms",
            // what -dev sets too: as fast as it can be
            ["performance"] = new JsonObject { ["raft_multiplier"] = 1 },
            ["gossip_lan"] = new JsonObject { ["gossip_interval"] = "100ms", ["probe_interval"] = "100ms", ["probe_timeout"] = "100ms", ["suspicion_mult"] = 3 },
            ["ports"] = new JsonObject
            {
                ["http"] = Port,
                ["server"] = Ports[1],
                ["serf_lan"] = Ports[2],
                ["serf_wan"] = -1,
                ["dns"] = -1,
            },
        };
        if (Options.ManagementToken is { } token)
        {
            configuration["acl"] = new JsonObject
            {
                ["enabled"] = true,
                ["default_policy"] = "deny",
                ["tokens"] = new JsonObject { ["master"] = token, ["agent"] = token },
            };
        }

        return configuration;
    }
}
