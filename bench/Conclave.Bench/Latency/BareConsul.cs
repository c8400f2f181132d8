using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Conclave.Bench;

/// <summary>What a lock has sent, to be sent again by a bare HttpClient: one transaction that joins, one that leaves.</summary>
internal sealed class BareConsul : IBarePairs
{
    private readonly HttpClient _http;
    private readonly Pair[] _pairs;

    private BareConsul(HttpClient http, Pair[] pairs) => (_http, _pairs) = (http, pairs);

    public static async Task<BareConsul> RecordAsync(ConsulEngine engine, int workers)
    {
        var sent = new List<(string Path, byte[] Body, byte[] Answer)>();

        // left to the end of the process: its session must live while its transactions are sent again
        var client = new ConclaveClient(
            engine.Open("record", (request, answer) =>
            {
                if (request.Path.StartsWith("/v1/txn", StringComparison.Ordinal))
                {
                    sent.Add((request.Path, request.Body.ToArray(), answer.Body));
                }
            }),
            new() { SessionTimeToLive = TimeSpan.FromMinutes(10) });
        await Measure.AcquireAndReleaseAsync(client.Lock("warm"));
        var pairs = new Pair[workers];
        for (int i = 0; i < workers; i++)
        {
            sent.Clear();
            await Measure.AcquireAndReleaseAsync(client.Lock($"name/{i}"));
            string key = JsonSerializer.Deserialize<string>($"\"{Encoding.UTF8.GetString(sent[0].Body).Split("\"Verb\":\"check-not-exists\",\"Key\":\"")[1].Split('"')[0]}\"")!;
            pairs[i] = new(sent[0].Path, sent[0].Body, Encoding.UTF8.GetString(sent[1].Body).Split($"\"Index\":{Index(sent[0].Answer, key)}"), key);
        }

        return new(new(new SocketsHttpHandler()) { BaseAddress = new(engine.Server.Endpoint) }, pairs);
    }

    public async Task SendAsync(int worker)
    {
        var pair = _pairs[worker];

        // who leaves says which revision of its entry it means
        long joined = Index(await SendAsync(pair.Path, pair.Join), pair.Key);
        await SendAsync(pair.Path, Encoding.UTF8.GetBytes(string.Join(string.Create(CultureInfo.InvariantCulture, $"\"Index\":{joined}"), pair.Leave)));
    }

    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return default;
    }

    private static long Index(byte[] answer, string key)
    {
        using var document = JsonDocument.Parse(answer);
        return document.RootElement.GetProperty("Results").EnumerateArray().Select(result => result.GetProperty("KV"))
            .First(kv => kv.GetProperty("Key").GetString() == key).GetProperty("ModifyIndex").GetInt64();
    }

    private async Task<byte[]> SendAsync(string path, byte[] body)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = await _http.PutAsync(path, content);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadAsByteArrayAsync();
    }

    /// <param name="Leave">The parts of it that stand around the revision.</param>
    private sealed record Pair(string Path, byte[] Join, string[] Leave, string Key);
}
