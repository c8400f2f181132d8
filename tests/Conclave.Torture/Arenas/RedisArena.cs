using Conclave.Servers;

namespace Conclave.Torture;

/// <summary>A Redis or a Valkey, which may lose its memory.</summary>
internal sealed class RedisArena(RedisFlavor flavor) : Arena
{
    private RedisServer _server = null!;
    private SteppedClock? _clock;

    public override string Name => flavor == RedisFlavor.Redis7 ? "redis" : "valkey";

    public override TimeSpan WaitOut => TimeToLive;

    public override string Direct => Uri($"{_server.Host}:{_server.Port}");

    public override async Task StartAsync()
    {
        _clock = await SteppedClock.TryCreateAsync();

        // with the usual everysec, a server whose disk is slow answers up to two seconds before it writes: one that is killed then forgets what it has confirmed
        _server = await RedisServer.StartAsync(new() { Flavor = flavor, AppendOnly = true, Arguments = ["--appendfsync", "always"], Clock = _clock });
    }

    public override (string Uri, IReadOnlyList<FaultProxy> Proxies) Way() => Through([_server], Uri);

    public override IEnumerable<Fault> Faults(Random random)
    {
        yield return new("server killed", Some(random, 0.1, 0.8), () => Do(_server.Kill), () => _server.RestartAsync()) { Exclusive = this };
        yield return Fault.During("server stopped", Some(random, 0.1, 1.5), _server.Stop, _server.Continue) with { Exclusive = this };
        yield return new("subscriptions killed", TimeSpan.Zero, () => AskAsync("CLIENT", "KILL", "TYPE", "pubsub")) { IsHarmless = true };
        yield return new("connections killed", TimeSpan.Zero, () => AskAsync("CLIENT", "KILL", "TYPE", "normal")) { IsHarmless = true };
        yield return new("scripts flushed", TimeSpan.Zero, () => AskAsync("SCRIPT", "FLUSH")) { IsHarmless = true };
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

    private string Uri(string host) => $"redis://{host}?namespace=torture&trustEmpty=true&longestTtl={TimeToLive.TotalSeconds:0}s";

    private static Task Do(Action act)
    {
        act();
        return Task.CompletedTask;
    }

    private async Task AskAsync(params string[] command)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1), TimeProvider.System);
        try
        {
            await _server.CommandAsync(command, limit.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or System.Net.Sockets.SocketException or InvalidOperationException)
        {
            // down or stopped
        }
    }
}
