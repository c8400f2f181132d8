using System.Globalization;
using Conclave.Sqlite;

namespace Conclave.Bench;

/// <summary>How long a lock is nobody's between two processes: from the call of the release in one to the grant in the other.</summary>
internal static class SqliteHandOff
{
    private static int Grants => Effort.Of(2400, 240);

    public static async Task RunAsync()
    {
        foreach (int waiting in (int[])[2, 20])
        {
            using var folder = new TemporaryFolder();
            string file = folder.File("handoff.db");
            int processes = waiting + 1;
            var workers = Enumerable.Range(0, processes).Select(_ => Start(file, Grants / processes)).ToArray();
            var grants = new List<Grant>();
            foreach (var worker in workers)
            {
                using (worker)
                {
                    grants.AddRange((await worker.LinesAsync()).Select(l => new Grant(l[0], l[1], l[2], worker.Id)));
                }
            }

            grants.Sort((a, b) => a.Token.CompareTo(b.Token));

            // the first half warms up the processes; the last ones meet a queue that is not full any more
            var between = grants.Zip(grants.Skip(1))
                .Where(pair => pair.First.Process != pair.Second.Process)
                .Skip(Grants / 2)
                .SkipLast(processes)
                .Select(pair => (pair.Second.Granted - pair.First.Released) / 1e6)
                .ToArray();
            double p50 = Report.Percentile(between, 0.5);
            double p99 = Report.Percentile(between, 0.99);
            Report.Row(
                $"sqlite: hand-off between processes, {waiting} waiting, who had it stands in the queue again",
                Report.Of($"p50 {p50:0.00} ms, p99 {p99:0.00} ms ({between.Length} hand-offs)"),
                "p50 ≤ 5 ms, p99 ≤ 50 ms",
                p50 <= 5 && p99 <= 50);
        }
    }

    /// <summary>One process: takes the lock again and again, and says when it got it and when it gave it back.</summary>
    public static async Task<int> WorkAsync(string file, string name, int grants)
    {
        var clock = new BootTimeProvider();
        var lines = new List<string>(grants);
        await using (var client = new ConclaveClient(new SqliteStore(file)))
        {
            for (int i = 0; i < grants; i++)
            {
                var claim = await client.Lock(name).AcquireAsync();
                long granted = clock.GetTimestamp();

                // long enough for the one that gave it to us to stand in the queue again
                await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
                long released = clock.GetTimestamp();
                await claim.DisposeAsync();
                lines.Add(string.Create(CultureInfo.InvariantCulture, $"{claim.Token} {granted} {released}"));
            }
        }

        Console.WriteLine(string.Join('\n', lines));
        return 0;
    }

    private static WorkerProcess Start(string file, int grants) => WorkerProcess.Start("sqlite-handoff", file, "bench", grants.ToString(CultureInfo.InvariantCulture));

    private sealed record Grant(long Token, long Granted, long Released, int Process);
}
