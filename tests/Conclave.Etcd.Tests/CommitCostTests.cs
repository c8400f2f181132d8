using System.Diagnostics;
using System.Text;
using Conclave.Etcd.Messages;
using Conclave.Storage;
using Google.Protobuf;

namespace Conclave.Etcd.Tests;

/// <summary>What the store adds to the Txn that it sends. Explicit: a measurement needs a quiet machine.</summary>
public sealed class CommitCostTests(ITestOutputHelper output)
{
    [Fact(Explicit = true)]
    public async Task A_commit_costs_little_more_than_its_txn()
    {
        await using var cluster = await TestEtcd.StartAsync();
        await using var store = cluster.Open("cost");
        var session = (await store.OpenSessionAsync(TimeSpan.FromMinutes(5))).Id;
        await using var wire = new GrpcWire(cluster.Hosts[0], new() { Endpoints = cluster.Hosts }, TimeProvider.System);
        await wire.CallAsync(EtcdApi.Status, new StatusRequest(), new(TimeSpan.FromSeconds(3), IsHandshake: true), CancellationToken.None);
        long lease = Leases.Parse(session)!.Value;
        int number = 0;

        Task Commit() => store.CommitAsync(new(
            [Condition.Absent($"lock/c/{Interlocked.Increment(ref number)}")],
            [Write.Put($"lock/c/{number}", default, session)],
            [Read.Get("meta/epoch")])).AsTask();

        Task Raw()
        {
            var key = ByteString.CopyFromUtf8($"cost/lock/r/{Interlocked.Increment(ref number)}");
            var get = new RequestOp { Range = new() { Key = ByteString.CopyFromUtf8("cost/meta/epoch") } };
            var txn = new TxnRequest
            {
                Compare = { TxnBuilder.IsAbsent(key) },
                Success = { new RequestOp { Put = new() { Key = key, Lease = lease } }, get },
                Failure = { get },
            };
            return wire.CallAsync(EtcdApi.Txn, txn, new(TimeSpan.FromSeconds(3)), CancellationToken.None).AsTask();
        }

        await Measure(Commit, 1, 1000);
        await Measure(Raw, 1, 1000);
        var text = new StringBuilder();
        for (int round = 0; round < 3; round++)
        {
            var (raw, commit) = (await Measure(Raw, 1, 2000), await Measure(Commit, 1, 2000));
            var (rawMany, commitMany) = (await Measure(Raw, 64, 20000), await Measure(Commit, 64, 20000));
            text.AppendLine($"one: raw {raw.Median:F3} ms, store {commit.Median:F3} ms = {commit.Median / raw.Median:F2}; "
                + $"64: raw {rawMany.PerSecond:F0}/s, store {commitMany.PerSecond:F0}/s = {commitMany.PerSecond / rawMany.PerSecond:P0}; "
                + $"bytes allocated a call: raw {raw.Bytes}, store {commit.Bytes}");
        }

        output.WriteLine(text.ToString());
    }

    private static async Task<(double Median, double PerSecond, long Bytes)> Measure(Func<Task> call, int workers, int calls)
    {
        double[] times = new double[calls];
        int next = -1;
        long bytes = GC.GetTotalAllocatedBytes();
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
        bytes = (GC.GetTotalAllocatedBytes() - bytes) / calls;
        Array.Sort(times);
        return (times[calls / 2], perSecond, bytes);
    }
}
