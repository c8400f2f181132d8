using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Consul.Tests;

/// <summary>How many requests a call is.</summary>
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
