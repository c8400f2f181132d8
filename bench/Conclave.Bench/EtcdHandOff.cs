using System.Diagnostics;
using System.Globalization;
using Conclave.Etcd;
using Conclave.Servers;

namespace Conclave.Bench;

/// <summary>How long a lock in etcd is nobody's between two processes, against one bare write measured in turns with it.</summary>
internal static class EtcdHandOff
{
    private const int Rounds = 3;
    private const int Grants = 150;
    private const int WarmUp = 60;

    /// <summary>How long a claim is kept: long enough for the one that gave it to us to stand in the queue again.</summary>
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);

    public static async Task RunAsync(EtcdServer server, bool busy)
    {
        using var done = new CancellationTokenSource();
        await using var traffic = await EtcdWires.ConnectAsync(server);
        var busyness = busy ? Enumerable.Range(0, 8).Select(i => DisturbAsync(traffic, i, done.Token)).ToArray() : [];
        await using var wire = await EtcdWires.ConnectAsync(server);
        var (writes, paced, handOffs) = (new List<double>(), new List<double>(), new List<double>());
        _ = await EtcdWires.TimesAsync(() => EtcdWires.PutAsync(wire, "bare/x"), 200);
        for (int round = 0; round < Rounds; round++)
        {
            writes.AddRange(await EtcdWires.TimesAsync(() => EtcdWires.PutAsync(wire, "bare/x"), 300));
            paced.AddRange(await PacedAsync(wire));
            handOffs.AddRange(await MeasureAsync(server));
        }

        await done.CancelAsync();
        await Task.WhenAll(busyness);
        double write = Report.Median(writes);
        double p50 = Report.Median(handOffs);
        double p99 = Report.Percentile(handOffs, 0.99);
        string store = busy ? $"a busy store ({busyness.Length} others write to the same namespace)" : "a quiet store";
        Report.Row(
            $"etcd: hand-off between two processes, {store}, p50 against one bare write's",
            Report.Of($"{p50 / write:0.00} × ({p50:0.00} ms, {write:0.00} ms; {handOffs.Count} hand-offs)"),
            "≤ 2.5 ×",
            p50 <= 2.5 * write);
        double pacedWrite = Report.Median(paced);
        Report.Row(
            $"etcd: the same, {(busy ? "busy" : "quiet")}, against a bare write at the pace of the hand-offs, one in {Pace.TotalMilliseconds} ms",
            Report.Of($"{p50 / pacedWrite:0.00} × ({p50:0.00} ms, {pacedWrite:0.00} ms)"),
            "≤ 2.5 ×",
            p50 <= 2.5 * pacedWrite);
        Report.Row(
            $"etcd: hand-off between two processes, {(busy ? "busy" : "quiet")}, p99",
            Report.Of($"{p99:0.00} ms (the longest {handOffs.Max():0.00} ms; a bare write's p99 {Report.Percentile(writes, 0.99):0.00} ms)"),
            "< 50 ms: no step of 100 ms",
            p99 < 50);
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
            times[i] = (await EtcdWires.TimesAsync(() => EtcdWires.PutAsync(wire, "bare/x"), 1))[0];
        }

        return times;
    }

    private static async Task<double[]> MeasureAsync(EtcdServer server)
    {
        string name = Guid.NewGuid().ToString("n");
        var workers = Enumerable.Range(0, 2).Select(_ => Start(server, name)).ToArray();
        var grants = new List<(long[] Numbers, int Process)>();
        foreach (var worker in workers)
        {
            string output = await worker.StandardOutput.ReadToEndAsync();
            await worker.WaitForExitAsync();
            grants.AddRange(output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(l => (l.Split(' ').Select(n => long.Parse(n, CultureInfo.InvariantCulture)).ToArray(), worker.Id)));
            worker.Dispose();
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

    private static Process Start(EtcdServer server, string name)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
        foreach (string argument in (string[])["etcd-worker", server.Host, Report.Of($"{server.Port}"), name, Report.Of($"{Grants}")])
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }
}
