using System.Globalization;
using Conclave.Etcd;
using Conclave.Servers;

namespace Conclave.Bench;

/// <summary>How long a lock in etcd is nobody's between two processes, against one bare write measured in turns with it.</summary>
internal static class EtcdHandOff
{
    private const int WarmUp = 60;

    /// <summary>How long a claim is kept: long enough for the one that gave it to us to stand in the queue again.</summary>
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);

    private static int Rounds => Effort.Of(3, 1);

    private static int Grants => Effort.Of(150, 50);

    public static async Task RunAsync(EtcdServer server, bool busy)
    {
        using var done = new CancellationTokenSource();
        await using var traffic = await EtcdWires.ConnectAsync(server);
        var busyness = busy ? Enumerable.Range(0, 8).Select(i => DisturbAsync(traffic, i, done.Token)).ToArray() : [];
        await using var wire = await EtcdWires.ConnectAsync(server);
        var (writes, paced, handOffs) = (new double[Rounds][], new double[Rounds][], new double[Rounds][]);
        _ = await Measure.TimesAsync(() => EtcdWires.PutAsync(wire, "bare/x"), 200);
        for (int round = 0; round < Rounds; round++)
        {
            writes[round] = await Measure.TimesAsync(() => EtcdWires.PutAsync(wire, "bare/x"), 300);
            paced[round] = await PacedAsync(wire);
            handOffs[round] = await MeasureAsync(server);
        }

        await done.CancelAsync();
        await Task.WhenAll(busyness);
        double[] all = [.. handOffs.SelectMany(h => h)];
        string store = busy ? $"a busy store ({busyness.Length} others write to the same namespace)" : "a quiet store";
        Against($"etcd: hand-off between two processes, {store}, p50 against one bare write's", writes);
        Against($"etcd: the same, {(busy ? "busy" : "quiet")}, against a bare write at the pace of the hand-offs, one in {Pace.TotalMilliseconds} ms", paced);
        double p99 = Report.Percentile(all, 0.99);
        Report.AtMost(
            $"etcd: hand-off between two processes, {(busy ? "busy" : "quiet")}, p99",
            Report.Of($"{p99:0.00} ms (the longest {all.Max():0.00} ms; a bare write's p99 {Report.Percentile(writes.SelectMany(w => w), 0.99):0.00} ms)"),
            p99,
            50,
            "< 50 ms: no step of 100 ms");

        void Against(string what, double[][] bare)
        {
            double p50 = Report.Median(all);
            double write = Report.Median(bare.SelectMany(w => w));
            var spread = Spread.Of([.. handOffs.Select(Report.Median)], [.. bare.Select(Report.Median)]) with { Median = p50 / write };
            Report.AtMost(what, Report.Of($"{p50 / write:0.00} × ({p50:0.00} ms, {write:0.00} ms; {all.Length} hand-offs; {spread.Rounds})"), p50 / write, 2.5, "≤ 2.5 ×", spread);
        }
    }

    /// <summary>One process: takes the lock again and again, and says when it got it and when it gave it back.</summary>
    public static async Task<int> WorkAsync(string host, int port, string name, int grants)
    {
        var clock = new BootTimeProvider();
        var lines = new List<string>(grants);
        await using (var client = new ConclaveClient(new EtcdStore(EtcdWires.Options(host, port, "hand-off"))))
        {
            // until the compiler has seen it often enough
            for (int i = 0; i < 300; i++)
            {
                await (await client.Lock($"warm/{Environment.ProcessId}").AcquireAsync()).DisposeAsync();
            }

            for (int i = 0; i < grants; i++)
            {
                var claim = await client.Lock(name).AcquireAsync();
                long granted = clock.GetTimestamp();
                await Task.Delay(Pace, TimeProvider.System);
                long released = clock.GetTimestamp();
                await claim.DisposeAsync();
                lines.Add(string.Create(CultureInfo.InvariantCulture, $"{claim.Token} {granted} {released}"));
            }
        }

        Console.WriteLine(string.Join('\n', lines));
        return 0;
    }

    private static async Task<double[]> PacedAsync(IEtcdWire wire)
    {
        double[] times = new double[100];
        for (int i = 0; i < times.Length; i++)
        {
            await Task.Delay(Pace, TimeProvider.System);
            times[i] = (await Measure.TimesAsync(() => EtcdWires.PutAsync(wire, "bare/x"), 1))[0];
        }

        return times;
    }

    private static async Task<double[]> MeasureAsync(EtcdServer server)
    {
        string name = Guid.NewGuid().ToString("n");
        var workers = Enumerable.Range(0, 2).Select(_ => WorkerProcess.Start("etcd-handoff", server.Host, Report.Of($"{server.Port}"), name, Report.Of($"{Grants}"))).ToArray();
        var grants = new List<(long[] Numbers, int Process)>();
        foreach (var worker in workers)
        {
            using (worker)
            {
                grants.AddRange((await worker.LinesAsync()).Select(l => (l, worker.Id)));
            }
        }

        grants.Sort((a, b) => a.Numbers[0].CompareTo(b.Numbers[0]));
        return
        [
            .. grants.Zip(grants.Skip(1)).Skip(WarmUp).SkipLast(2)
                .Where(pair => pair.First.Process != pair.Second.Process)
                .Select(pair => (pair.Second.Numbers[1] - pair.First.Numbers[2]) / 1e6),
        ];
    }

    // entries that no lock looks at, in the namespace that the watches are on
    private static async Task DisturbAsync(IEtcdWire wire, int number, CancellationToken cancellationToken)
    {
        for (int i = 0; !cancellationToken.IsCancellationRequested; i++)
        {
            await EtcdWires.PutAsync(wire, Report.Of($"hand-off/other/{number}/{i % 100}"));
            await Task.Delay(TimeSpan.FromMilliseconds(4), TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
