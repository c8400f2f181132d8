using System.Diagnostics;

namespace Conclave.Servers;

/// <summary>Several Consul servers that are one store.</summary>
public sealed class ConsulCluster : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private ConsulCluster(ServerBinary binary, int size, ConsulOptions options)
    {
        Servers = [.. Enumerable.Range(0, size).Select(i => new ConsulServer(binary, new(3), options, $"n{i}"))];
        foreach (var server in Servers)
        {
            server.Members = Servers;
        }
    }

    /// <summary>The members; the same ones for ever.</summary>
    public IReadOnlyList<ConsulServer> Servers { get; }

    /// <summary>Starts a cluster, and waits until every member makes sessions.</summary>
    /// <exception cref="ServerMissingException">Consul is not on this machine.</exception>
    public static Task<ConsulCluster> StartAsync(ConsulOptions? options = null, int size = 3, CancellationToken cancellationToken = default)
    {
        var binary = ServerBinaries.Require("consul-1.8");
        return Readiness.StartAsync(
            () => new ConsulCluster(binary, size, options ?? new()),
            cluster => cluster.StartAllAsync(cancellationToken));
    }

    /// <summary>The member that leads now; waits until there is one that most members agree on.</summary>
    public async Task<ConsulServer> LeaderAsync(CancellationToken cancellationToken = default)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            string?[] views = await Task.WhenAll(Servers.Select(s => ViewAsync(s, cancellationToken)));
            var agreed = views.Where(v => !string.IsNullOrEmpty(v)).GroupBy(v => v).FirstOrDefault(g => g.Count() > Servers.Count / 2);
            if (agreed is not null)
            {
                return Servers.Single(s => s.RaftAddress == agreed.Key);
            }

            if (watch.Elapsed > Deadline)
            {
                throw new TimeoutException($"No Consul leads within {Deadline.TotalSeconds} s; they see: {string.Join(", ", views)}.");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>The members that do not lead now.</summary>
    public async Task<IReadOnlyList<ConsulServer>> FollowersAsync(CancellationToken cancellationToken = default)
    {
        var leader = await LeaderAsync(cancellationToken);
        return [.. Servers.Where(s => s != leader)];
    }

    /// <summary>Kills all members, and starts them with their data.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken = default)
    {
        await Task.WhenAll(Servers.Select(s => s.EndAsync()));
        await StartAllAsync(cancellationToken);
    }

    /// <summary>Kills all members, and starts them as a new cluster at the same addresses.</summary>
    public async Task RestartWithoutDataAsync(CancellationToken cancellationToken = default)
    {
        await Task.WhenAll(Servers.Select(s => s.EndAsync()));
        foreach (var server in Servers)
        {
            Directory.Delete(server.DataFolder, recursive: true);
        }

        await StartAllAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await Task.WhenAll(Servers.Select(s => s.DisposeAsync().AsTask()));

    private static async Task<string?> ViewAsync(ConsulServer server, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(2), TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return await server.LeaderAsync(either.Token);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    private Task StartAllAsync(CancellationToken cancellationToken) =>
        Readiness.AllAsync(Servers, (server, cancellation) => server.StartAsync(cancellation), cancellationToken);
}
