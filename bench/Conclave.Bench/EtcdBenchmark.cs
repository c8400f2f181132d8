using Conclave.Etcd;
using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>A lock over a real etcd, against the same requests sent by the bare wire, in turns.</summary>
internal static class EtcdBenchmark
{
    private const int Rounds = 7;

    public static async Task<int> RunAsync()
    {
        await using var server = await EtcdServer.StartAsync();
        await CountAsync(server);
        await CompareAsync(server);
        await EtcdHandOff.RunAsync(server, busy: false);
        await EtcdHandOff.RunAsync(server, busy: true);
        await CrowdAsync(server);
        return 0;
    }

    private static async Task CountAsync(EtcdServer server)
    {
        var count = new WireCount();
        var timeToLive = TimeSpan.FromSeconds(6);
        await using var client = new ConclaveClient(Open(server, "count", count), new() { SessionTimeToLive = timeToLive });
        await (await client.Lock("warm").AcquireAsync()).DisposeAsync();
        (int acquires, int releases) = (0, 0);
        for (int i = 0; i < 1000; i++)
        {
            int before = count.Txns;
            var claim = await client.Lock("x").AcquireAsync();
            int between = count.Txns;
            await claim.DisposeAsync();
            (acquires, releases) = (acquires + between - before, releases + count.Txns - between);
        }

        Report.Row("etcd: requests of an uncontended acquire", Report.Of($"{acquires / 1000.0:0.###}"), "1", acquires == 1000);
        Report.Row("etcd: requests of a release", Report.Of($"{releases / 1000.0:0.###}"), "1", releases == 1000);

        await Parallel.ForAsync(0, 10_000, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (i, cancellation) => await client.Lock($"held/{i}").AcquireAsync(cancellation));
        (int all, int renewals) = (count.All, count.Renewals);
        const int intervals = 6;
        await Task.Delay(timeToLive / 3 * intervals, TimeProvider.System);
        (all, renewals) = (count.All - all, count.Renewals - renewals);
        Report.Row(
            "etcd: requests to hold 10,000 locks, per renewal interval",
            Report.Of($"{all / (double)intervals:0.##} ({renewals} renewals, {all - renewals} others in {intervals} intervals)"),
            "1 ± 10 % jitter",
            all == renewals && renewals is >= intervals - 1 and <= intervals + 1);
    }

    private static async Task CompareAsync(EtcdServer server)
    {
        const int workers = 64, each = 60, sequential = 400;
        var count = new WireCount();
        await using var client = new ConclaveClient(Open(server, "compare", count));
        await using var wire = await EtcdWires.ConnectAsync(server);
        var pairs = new List<TxnPair>();
        for (int i = 0; i < workers; i++)
        {
            count.Recorded = [];
            await (await client.Lock($"name/{i}").AcquireAsync()).DisposeAsync();
            pairs.Add(new(wire, count.Recorded[^2], count.Recorded[^1]));
            count.Recorded = null;
        }

        Task LockAsync(int worker) => Measure.AcquireAndReleaseAsync(client.Lock($"name/{worker}"));
        Task SendAsync(int worker) => pairs[worker].SendAsync();
        var (throughput, latency) = (new List<(double Ours, double Theirs)>(), new List<(double Ours, double Theirs)>());
        for (int round = -1; round < Rounds; round++)
        {
            var many = (await Measure.RateAsync(LockAsync, workers, each), await Measure.RateAsync(SendAsync, workers, each));
            var one = (await Measure.MedianAsync(() => LockAsync(0), sequential), await Measure.MedianAsync(() => SendAsync(0), sequential));
            if (round >= 0)
            {
                throughput.Add(many);
                latency.Add(one);
            }
        }

        double share = Report.Median(throughput.Select(t => t.Ours / t.Theirs));
        Report.Row(
            "etcd: acquire + release at 64 names against the same two Txns by the bare wire",
            Report.Of($"{share * 100:0} % ({Report.Median(throughput.Select(t => t.Ours)):0} of {Report.Median(throughput.Select(t => t.Theirs)):0} pairs/s)"),
            "≥ 80 %",
            share >= 0.8);
        double ratio = Report.Median(latency.Select(t => t.Ours / t.Theirs));
        Report.Row(
            "etcd: latency of a sequential acquire + release against the same two Txns by the bare wire",
            Report.Of($"{ratio:0.00} × ({Report.Median(latency.Select(t => t.Ours)):0.00} ms, {Report.Median(latency.Select(t => t.Theirs)):0.00} ms)"),
            "≤ 1.25 ×",
            ratio <= 1.25);
    }

    /// <summary>A hundred clients wait; each stands in the queue again after its turn.</summary>
    private static async Task CrowdAsync(EtcdServer server)
    {
        const int waiting = 100, handOffs = 300;
        var count = new WireCount();
        var clients = Enumerable.Range(0, waiting + 1).Select(_ => new ConclaveClient(Open(server, "crowd", count))).ToArray();
        (int grants, int begin, int end) = (0, 0, 0);
        await Task.WhenAll(clients.Select(client => Task.Run(async () =>
        {
            while (Volatile.Read(ref end) == 0)
            {
                var claim = await client.Lock("x").AcquireAsync();
                switch (Interlocked.Increment(ref grants) - 1)
                {
                    case 0:
                        while ((await clients[0].Lock("x").InspectAsync()).Waiters.Length < waiting)
                        {
                            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
                        }

                        begin = count.Txns;
                        break;
                    case handOffs:
                        Volatile.Write(ref end, count.Txns);
                        break;
                }

                await claim.DisposeAsync();
            }
        })));
        // when the count ended everybody stayed for one more turn; the last one of them hands over to nobody
        double draining = (count.Txns - end - 1) / (double)waiting;
        Report.Row("etcd: commits for each hand-off, 100 waiting clients", Report.Of($"{draining:0.00}"), "≤ 3", draining <= 3);
        double again = (end - begin) / (double)handOffs;
        Report.Row(
            "etcd: the same where each stands in the queue again, with that and the look of each who waits once in 5 s",
            Report.Of($"{again:0.00}"), "≤ 3", again <= 3);
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    private static EtcdStore Open(EtcdServer server, string name, WireCount count)
    {
        var options = EtcdWires.Options(server.Host, server.Port, name);
        return new(options, host => new CountingWire(new GrpcWire(host, options, TimeProvider.System), count));
    }
}
