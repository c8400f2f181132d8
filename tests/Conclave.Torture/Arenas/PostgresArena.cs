using Conclave.Servers;

namespace Conclave.Torture;

/// <summary>A PostgreSQL, whose claims a crash forgets.</summary>
internal sealed class PostgresArena : Arena
{
    private PostgresServer _server = null!;
    private SteppedClock? _clock;

    public override string Name => "postgres";

    public override TimeSpan WaitOut => TimeToLive;

    // max_connections
    public override int MostClients => 80;

    public override string Direct => Uri($"{_server.Host}:{_server.Port}");

    public override async Task StartAsync()
    {
        _clock = await SteppedClock.TryCreateAsync();
        _server = await PostgresServer.StartAsync(new() { Clock = _clock, Settings = new Dictionary<string, string> { ["max_connections"] = "300" } });
    }

    public override (string Uri, IReadOnlyList<FaultProxy> Proxies) Way() => Through([_server], Uri);

    public override IEnumerable<Fault> Faults(Random random)
    {
        yield return new("server killed", Some(random, 0.1, 0.8), () => Do(_server.Kill), () => _server.RestartAsync()) { Exclusive = this };
        yield return new("server shut down", Some(random, 0.1, 0.8), () => _server.ShutdownAsync(random.Next(2) == 0 ? PostgresShutdown.Fast : PostgresShutdown.Immediate), () => _server.RestartAsync())
        {
            Exclusive = this,
        };
        yield return new("backends terminated", TimeSpan.Zero, TerminateAsync) { IsHarmless = true };
        if (_clock is { } clock)
        {
            yield return Fault.At("server clock stepped", () => clock.Step(TimeSpan.FromHours(random.Next(-1, 2)))) with { IsHarmless = true };
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await (_server?.DisposeAsync() ?? default);
        _clock?.Dispose();
    }

    private static string Uri(string host) => $"postgres://postgres@{host}/postgres?namespace=torture";

    private static Task Do(Action act)
    {
        act();
        return Task.CompletedTask;
    }

    private async Task TerminateAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2), TimeProvider.System);
        try
        {
            await _server.QueryAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'conclave'", limit.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or System.Net.Sockets.SocketException or InvalidOperationException)
        {
            // down
        }
    }
}
