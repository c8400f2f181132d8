using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Conclave.Consul;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>A lock over a real Consul, against the same transactions by a bare HttpClient.</summary>
internal static class ConsulBenchmark
{
    public static async Task<int> RunAsync()
    {
        await using var server = await ConsulServer.StartAsync();
        var benchmark = new LockBenchmark("consul", name => Open(server, name, null));
        long requests = 0;
        Task<long> Requests() => Task.FromResult(Interlocked.Read(ref requests));
        ConclaveClient Connect(string name, ConclaveOptions options) => new(Open(server, name, (_, _) => Interlocked.Increment(ref requests)), options);
        await using (var client = Connect("count", new()))
        {
            await benchmark.CountAsync(client, Requests, pairs: 100);
        }

        await benchmark.HoldAsync(options => Connect("hold", options), Requests, TimeSpan.FromSeconds(10));
        using var http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new(server.Endpoint) };
        var pairs = await RecordAsync(server, http);
        await benchmark.CompareAsync(
            each: 40, sequential: 400, new Rival("the same two transactions by a bare HttpClient", worker => pairs[worker].SendAsync(), Share: 0.8));
        await benchmark.HandOffAsync();
        return 0;
    }

    private static ConsulStore Open(ConsulServer server, string name, Action<ConsulRequest, ConsulAnswer>? onAnswer)
    {
        var options = new ConsulStoreOptions { Agents = [new(server.Host, server.Port)], Namespace = name };
        return new(options, host => new WatchedAgent(new HttpAgent(host, options, TimeProvider.System), onAnswer));
    }

    /// <summary>What a lock sends at each name, to be sent again.</summary>
    private static async Task<TransactionPair[]> RecordAsync(ConsulServer server, HttpClient http)
    {
        var sent = new List<(string Path, byte[] Body, byte[] Answer)>();
        var client = new ConclaveClient(
            Open(server, "record", (request, answer) =>
            {
                if (request.Path.StartsWith("/v1/txn", StringComparison.Ordinal))
                {
                    sent.Add((request.Path, request.Body.ToArray(), answer.Body));
                }
            }),
            new() { SessionTimeToLive = TimeSpan.FromMinutes(10) });
        await Measure.AcquireAndReleaseAsync(client.Lock("warm"));
        var pairs = new List<TransactionPair>();
        for (int i = 0; i < LockBenchmark.Workers; i++)
        {
            sent.Clear();
            await Measure.AcquireAndReleaseAsync(client.Lock($"name/{i}"));
            string key = Encoding.UTF8.GetString(sent[0].Body).Split("\"Verb\":\"check-not-exists\",\"Key\":\"")[1].Split('"')[0];
            pairs.Add(new(http, sent[0].Path, sent[0].Body, Encoding.UTF8.GetString(sent[1].Body), JsonSerializer.Deserialize<string>($"\"{key}\"")!, sent[0].Answer));
        }

        // the client is left to the end of the process: its session must live while its transactions are sent again
        return [.. pairs];
    }

    /// <summary>One transaction that joins, one that leaves.</summary>
    private sealed class TransactionPair(HttpClient http, string path, byte[] join, string leave, string key, byte[] answer)
    {
        private readonly string[] _leave = leave.Split($"\"Index\":{Index(answer, key)}");

        public async Task SendAsync()
        {
            // who leaves says which revision of its entry it means
            long joined = Index(await SendAsync(join), key);
            await SendAsync(Encoding.UTF8.GetBytes(string.Join(string.Create(CultureInfo.InvariantCulture, $"\"Index\":{joined}"), _leave)));
        }

        private static long Index(byte[] answer, string key)
        {
            using var document = JsonDocument.Parse(answer);
            return document.RootElement.GetProperty("Results").EnumerateArray().Select(result => result.GetProperty("KV"))
                .First(kv => kv.GetProperty("Key").GetString() == key).GetProperty("ModifyIndex").GetInt64();
        }

        private async Task<byte[]> SendAsync(byte[] body)
        {
            using var content = new ByteArrayContent(body);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var response = await http.PutAsync(path, content);
            response.EnsureSuccessStatusCode();
            return await response.Content.ReadAsByteArrayAsync();
        }
    }

    private sealed class WatchedAgent(IAgent inner, Action<ConsulRequest, ConsulAnswer>? onAnswer) : IAgent
    {
        public string Address => inner.Address;

        public async ValueTask<ConsulAnswer> CallAsync(ConsulRequest request, CancellationToken cancellationToken)
        {
            var answer = await inner.CallAsync(request, cancellationToken);
            onAnswer?.Invoke(request, answer);
            return answer;
        }

        public void Dispose() => inner.Dispose();
    }
}
