using System.Diagnostics;
using System.Net;
using System.Text;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Consul.Tests;

/// <summary>How many requests a call is, and what the store adds to the transaction that it sends.</summary>
public sealed class CostTests(ITestOutputHelper output)
{
    [Fact]
    public async Task An_acquire_and_a_release_are_one_request_each()
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Short);
        int requests = 0;
        await using var client = new ConclaveClient(new ConsulStore(server.Options("test"), host => new Counting(
            new HttpAgent(host, server.Options("test"), TimeProvider.System), _ => Interlocked.Increment(ref requests), _ => { })));
        await (await client.Lock("warm").AcquireAsync()).DisposeAsync();

        requests = 0;
        var claim = await client.Lock("x").AcquireAsync();
        Assert.Equal(1, requests);
        await claim.ReleaseAsync();
        output.WriteLine($"{requests} requests for an acquire and a release");
        Assert.Equal(2, requests);
    }

    [Fact(Explicit = true)]
    public async Task A_commit_costs_little_more_than_its_transaction()
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Default);
        await using var store = server.Open("cost");
        var session = (await store.OpenSessionAsync(TimeSpan.FromMinutes(10))).Id;
        using var http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new(server.Endpoint) };
        int number = 0;

        Task Commit() => store.CommitAsync(new(
            [Condition.Absent($"lock/c/{Interlocked.Increment(ref number)}")],
            [Write.Put($"lock/c/{number}", default, session)],
            [Read.Get("meta/epoch")])).AsTask();

        async Task Raw()
        {
            int i = Interlocked.Increment(ref number);
            string body = $$$"""
                [{"KV":{"Verb":"check-not-exists","Key":"cost/lock/r/{{{i}}}"}},{"KV":{"Verb":"lock","Key":"cost/lock/r/{{{i}}}","Session":"{{{session}}}"}},
                {"KV":{"Verb":"set","Key":"cost/marker","Flags":{{{i}}}}},{"KV":{"Verb":"get-tree","Key":"cost/meta/epoch"}}]
                """;
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using var answer = await http.PutAsync("/v1/txn", content);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            _ = await answer.Content.ReadAsByteArrayAsync();
        }

        await Measure(Commit, 16, 1000);
        await Measure(Raw, 16, 1000);
        var text = new StringBuilder();
        for (int round = 0; round < 3; round++)
        {
            var (raw, commit) = (await Measure(Raw, 1, 1000), await Measure(Commit, 1, 1000));
            var (rawMany, commitMany) = (await Measure(Raw, 64, 8000), await Measure(Commit, 64, 8000));
            text.AppendLine($"one: raw {raw.Median:F3} ms, store {commit.Median:F3} ms = {commit.Median / raw.Median:F2}; "
                + $"64: raw {rawMany.PerSecond:F0}/s, store {commitMany.PerSecond:F0}/s = {commitMany.PerSecond / rawMany.PerSecond:P0}");
        }

        output.WriteLine(text.ToString());
    }

    [Fact(Explicit = true)]
    public async Task A_hand_off_is_the_release_and_little_more()
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Default);
        await using var client = new ConclaveClient(server.Open("handoff"));
        await using var other = new ConclaveClient(server.Open("handoff"));
        const int rounds = 500;
        double[] handOffs = new double[rounds];
        double[] afterRelease = new double[rounds];
        var held = await client.Lock("x").AcquireAsync();
        for (int i = 0; i < rounds; i++)
        {
            var (waiting, looking) = i % 2 == 0 ? (other, client) : (client, other);
            var next = waiting.Lock("x").AcquireAsync().AsTask();
            await Eventually.TrueAsync(async () => (await looking.Lock("x").InspectAsync()).Waiters.Length == 1);
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System);
            long start = TimeProvider.System.GetTimestamp();
            await held.DisposeAsync();
            double released = TimeProvider.System.GetElapsedTime(start).TotalMilliseconds;
            held = await next;
            handOffs[i] = TimeProvider.System.GetElapsedTime(start).TotalMilliseconds;
            afterRelease[i] = handOffs[i] - released;
        }

        await held.DisposeAsync();
        Array.Sort(handOffs);
        Array.Sort(afterRelease);
        output.WriteLine($"hand-off: median {handOffs[rounds / 2]:F2} ms, 95 % {handOffs[rounds * 95 / 100]:F2} ms, worst {handOffs[^1]:F1} ms; "
            + $"after the release was answered: median {afterRelease[rounds / 2]:F2} ms, 95 % {afterRelease[rounds * 95 / 100]:F2} ms, worst {afterRelease[^1]:F1} ms");
    }

    [Fact]
    public async Task With_nobody_left_no_query_is_open()
    {
        await using var server = await ConsulServer.StartAsync(TestServers.Short);
        int open = 0;
        int asked = 0;
        var agent = new Counting(
            new HttpAgent(server.Address(), server.Options("test"), TimeProvider.System),
            request =>
            {
                bool isQuery = request.Path.StartsWith("/v1/kv/", StringComparison.Ordinal);
                Interlocked.Add(ref open, isQuery ? 1 : 0);
                Interlocked.Add(ref asked, isQuery ? 1 : 0);
            },
            request => Interlocked.Add(ref open, request.Path.StartsWith("/v1/kv/", StringComparison.Ordinal) ? -1 : 0));
        await using var store = new ConsulStore(server.Options("test"), _ => agent);
        for (int i = 0; i < 50; i++)
        {
            long revision = await store.PutAsync($"x{i}", default);
            var wait = store.WaitForChangeAsync($"x{i}", revision).AsTask();
            await store.CommitAsync(new([Condition.Unchanged($"x{i}", revision)], [Write.Delete($"x{i}")]));
            await wait.InTime();
        }

        Assert.Equal((0, 50), (open, asked));
    }

    private static async Task<(double Median, double PerSecond)> Measure(Func<Task> call, int workers, int calls)
    {
        double[] times = new double[calls];
        int next = -1;
        var all = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Run(async () =>
        {
            while (Interlocked.Increment(ref next) is var i && i < calls)
            {
                long start = TimeProvider.System.GetTimestamp();
                await call();
                times[i] = TimeProvider.System.GetElapsedTime(start).TotalMilliseconds;
            }
        })));
        double perSecond = calls / all.Elapsed.TotalSeconds;
        Array.Sort(times);
        return (times[calls / 2], perSecond);
    }

    private sealed class Counting(IAgent inner, Action<ConsulRequest> begins, Action<ConsulRequest> ends) : IAgent
    {
        public string Address => inner.Address;

        public async ValueTask<ConsulAnswer> CallAsync(ConsulRequest request, CancellationToken cancellationToken)
        {
            begins(request);
            try
            {
                return await inner.CallAsync(request, cancellationToken);
            }
            finally
            {
                ends(request);
            }
        }

        public void Dispose() => inner.Dispose();
    }
}
