using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Conclave.Storage;

namespace Conclave.Alternatives;

/// <summary>
/// Consul's guide to locks, with tries instead of blocking queries: a session, and <c>?acquire=</c> and <c>?release=</c> on a key. Without the
/// lock-delay of 15 s that Consul sets by itself: with it, nobody gets in for that long after a holder died.
/// </summary>
internal sealed class ConsulLock : PollingLock
{
    private readonly HttpClient _http;
    private readonly CancellationTokenSource _disposed = new();
    private string _session = "";
    private Task _renewing = Task.CompletedTask;

    private ConsulLock(StoreHost host, TimeSpan pause)
        : base(pause) => _http = new(new SocketsHttpHandler()) { BaseAddress = new($"http://{host.Name}:{host.Port}") };

    public static async Task<ConsulLock> ConnectAsync(StoreHost host, TimeSpan timeToLive, TimeSpan pause)
    {
        var made = new ConsulLock(host, pause);

        // with a length: Consul takes a body without one for none, and says nothing
        using var wanted = new StringContent($"{{\"TTL\":\"{(int)timeToLive.TotalSeconds}s\",\"LockDelay\":\"0s\"}}");
        using var response = await made._http.PutAsync("v1/session/create", wanted);
        response.EnsureSuccessStatusCode();
        made._session = (string)(await response.Content.ReadFromJsonAsync<JsonObject>())!["ID"]!;
        made._renewing = made.RenewAsync(timeToLive / 3);
        return made;
    }

    public override Task<bool> TryAcquireAsync(string name) => PutAsync($"v1/kv/hand/{name}?acquire={_session}");

    public override Task ReleaseAsync(string name) => PutAsync($"v1/kv/hand/{name}?release={_session}");

    public override async ValueTask DisposeAsync()
    {
        await _disposed.CancelAsync();
        await _renewing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _http.Dispose();
        _disposed.Dispose();
    }

    private async Task<bool> PutAsync(string path)
    {
        Count();
        using var response = await _http.PutAsync(path, null);
        response.EnsureSuccessStatusCode();
        return (await response.Content.ReadAsStringAsync()).StartsWith("true", StringComparison.Ordinal);
    }

    private async Task RenewAsync(TimeSpan interval)
    {
        using var timer = new PeriodicTimer(interval, TimeProvider.System);
        while (await timer.WaitForNextTickAsync(_disposed.Token))
        {
            Count();
            using var response = await _http.PutAsync($"v1/session/renew/{_session}", null);
            response.EnsureSuccessStatusCode();
        }
    }
}
