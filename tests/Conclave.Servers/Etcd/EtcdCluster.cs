using System.Diagnostics;

namespace Conclave.Servers;

/// <summary>Several etcds that are one store.</summary>
public sealed class EtcdCluster : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly EtcdOptions _options;

    private EtcdCluster(ServerBinary binary, int size, EtcdOptions options)
    {
        _options = options;
        Certificates = options.Tls == Tls.None ? null : new();
        Servers = [.. Enumerable.Range(0, size).Select(i => new EtcdServer(binary, new(2), options, Certificates, $"m{i}"))];
        string initial = string.Join(',', Servers.Select(s => s.InitialCluster));
        foreach (var server in Servers)
        {
            server.InitialCluster = initial;
        }
    }

    /// <summary>The members; the same ones for ever.</summary>
    public IReadOnlyList<EtcdServer> Servers { get; }

    /// <summary>The addresses of all members, for clients.</summary>
    public IReadOnlyList<string> Endpoints => [.. Servers.Select(s => s.Endpoint)];

    /// <summary>What a client needs for TLS; null without it.</summary>
    public Certificates? Certificates { get; }

    /// <summary>Starts a cluster, and waits until every member commits.</summary>
    /// <exception cref="ServerMissingException">etcd is not on this machine.</exception>
    public static Task<EtcdCluster> StartAsync(EtcdOptions? options = null, int size = 3, CancellationToken cancellationToken = default)
    {
        options ??= new();
        var binary = ServerBinaries.Require($"etcd-{options.Version}");
        return Readiness.StartAsync(
            () => new EtcdCluster(binary, size, options),
            cluster => cluster.StartAllAsync(isNew: true, cancellationToken));
    }

    /// <summary>The member that leads now; waits until there is one that most members agree on.</summary>
    public async Task<EtcdServer> LeaderAsync(CancellationToken cancellationToken = default)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            // one that is stopped or cut off may still take itself for the leader
            var known = await Task.WhenAll(Servers.Select(s => StatusAsync(s, cancellationToken)));
            var answers = known.OfType<(EtcdServer Server, ulong Self, ulong Leader, ulong Term)>().ToList();
            var views = answers.GroupBy(a => (a.Leader, a.Term)).FirstOrDefault(g => g.Key.Leader != 0 && g.Count() > Servers.Count / 2);
            if (views is not null && answers.Find(a => a.Self == views.Key.Leader).Server is { } leader)
            {
                return leader;
            }

            if (watch.Elapsed > Deadline)
            {
                throw new TimeoutException($"No etcd leads within {Deadline.TotalSeconds} s; {answers.Count} of {Servers.Count} answer.");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>The members that do not lead now.</summary>
    public async Task<IReadOnlyList<EtcdServer>> FollowersAsync(CancellationToken cancellationToken = default)
    {
        var leader = await LeaderAsync(cancellationToken);
        return [.. Servers.Where(s => s != leader)];
    }

    /// <summary>Runs etcdctl against the members that live.</summary>
    public Task<CommandResult> EtcdctlAsync(params IEnumerable<string> arguments)
    {
        var alive = Servers.Where(s => s.IsAlive).ToList();
        return Command.RunAsync(alive[0].Etcdctl(string.Join(',', alive.Select(s => s.Endpoint)), arguments));
    }

    /// <summary>Kills all members, and starts them with their data.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken = default)
    {
        await Task.WhenAll(Servers.Select(s => s.EndAsync()));
        await StartAllAsync(isNew: false, cancellationToken);
    }

    /// <summary>Kills all members, and starts them as a new cluster at the same addresses.</summary>
    public async Task RestartWithoutDataAsync(CancellationToken cancellationToken = default)
    {
        await Task.WhenAll(Servers.Select(s => s.EndAsync()));
        foreach (var server in Servers)
        {
            Directory.Delete(server.DataFolder, recursive: true);
            server.InitialClusterState = "new";
        }

        await StartAllAsync(isNew: true, cancellationToken);
    }

    /// <summary>Removes a member from the cluster, and lets it join with an empty disk at the same address.</summary>
    public async Task ReplaceAsync(EtcdServer server, CancellationToken cancellationToken = default)
    {
        await server.EndAsync();
        Directory.Delete(server.DataFolder, recursive: true);
        string[] members = (await EtcdctlAsync("member", "list")).OutputOfSuccess().Split('\n');
        string id = members.Single(m => m.Contains(server.PeerEndpoint, StringComparison.Ordinal)).Split(',')[0];
        await ChangeAsync(server, cancellationToken, "remove", id);
        await AddAsync(server, cancellationToken);
        server.InitialClusterState = "existing";
        await server.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(Servers.Select(s => s.DisposeAsync().AsTask()));
        Certificates?.Dispose();
    }

    private static async Task<(EtcdServer Server, ulong Self, ulong Leader, ulong Term)?> StatusAsync(EtcdServer server, CancellationToken cancellationToken)
    {
        try
        {
            var (self, leader, term) = await server.StatusAsync(cancellationToken);
            return (server, self, leader, term);
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>A cluster refuses a change of its members until all have been connected for a while.</summary>
    private Task AddAsync(EtcdServer server, CancellationToken cancellationToken) => ChangeAsync(server, cancellationToken, "add", server.Name, "--peer-urls", server.PeerEndpoint);

    /// <summary>Changes who is a member: refused while the others have not been connected to each other for long enough.</summary>
    private async Task ChangeAsync(EtcdServer server, CancellationToken cancellationToken, params string[] change)
    {
        var watch = Stopwatch.StartNew();
        while (await EtcdctlAsync(["member", .. change]) is { ExitCode: not 0 } refused)
        {
            if (watch.Elapsed > Deadline)
            {
                throw new TimeoutException($"etcd refuses to {change[0]} {server.Name}: {refused.Error}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancellationToken);
        }
    }

    private async Task StartAllAsync(bool isNew, CancellationToken cancellationToken)
    {
        await Readiness.AllAsync(Servers, (server, cancellation) => server.StartAsync(cancellation), cancellationToken);
        if (isNew && _options.RootPassword is not null)
        {
            await Servers[0].EnableAuthAsync(cancellationToken);
            foreach (var server in Servers)
            {
                server.IsAuthOn = true;
            }
        }
    }
}
