using Conclave.Alternatives;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>A lock that nobody else wants: how many requests, how long, how many a second; beside the bare engine and what people write by hand.</summary>
internal static class LatencyBenchmark
{
    private const int Names = 64;

    private static readonly List<(string Engine, double[] One, double[] Many)> Results = [];

    public static async Task RunAsync(string[] only)
    {
        string[] engines = [.. Engine.All.Prepend("memory").Where(e => only.Length == 0 || only.Contains(e))];
        foreach (string engine in engines)
        {
            if (engine == "memory")
            {
                await MemoryBenchmark.RunAsync();
                continue;
            }

            await using var started = await Engine.StartAsync(engine);
            await CountAsync(started);
            await (started switch
            {
                SqliteEngine sqlite => SqliteBenchmark.RunAsync(sqlite),
                EtcdEngine etcd => CompareAsync(etcd, await BareEtcd.RecordAsync(etcd, Names), "the same two Txns by the bare wire", (0.8, 1.25), "etcd's own lock service, a lease kept alive, no tokens"),
                ConsulEngine consul => CompareAsync(consul, await BareConsul.RecordAsync(consul, Names), "the same two transactions by a bare HttpClient", (0.8, null), "?acquire= and ?release= of a session, no waiting and no tokens"),
                RedisEngine redis => CompareAsync(redis, await BareRedis.RecordAsync(redis, Names), "the same scripts by the bare wire", (0.6, 2), "SET NX PX and compare-and-delete, which know neither waiting nor tokens", byHand: 0.4),
                PostgresEngine postgres => CompareAsync(postgres, await BarePostgres.RecordAsync(postgres, Names), "the same calls by plain Npgsql", (0.8, 2), "pg_try_advisory_lock and unlock, one connection for each holder, no waiting and no tokens", byHand: 0.4),
                _ => throw new InvalidOperationException(),
            });
            if (started is PostgresEngine { } ahead)
            {
                await PostgresWriteAhead.MeasureAsync(ahead);
            }
        }

        Draw();
        Report.Settings.Add(Report.Of($"{Names} names: as many workers take and release, each a name of its own, over one client; by hand over one connection where the server allows one, else over one for each holder"));
    }

    public static void Add(string engine, double[] one, double[] many)
    {
        Results.Add((engine, one, many));
        Report.Figures.Add(new(engine, "pair", Report.Of($"{one[0]:0.00#} ms"), one[0]));
        Report.Figures.Add(new(engine, "rate", Report.Of($"{many[0]:#,0}"), many[0]));
    }

    /// <summary>How many requests an acquire is, and a release.</summary>
    private static async Task CountAsync(Engine engine)
    {
        long requests = 0;
        await using var client = new ConclaveClient(engine.Open("count", () => Interlocked.Increment(ref requests)));
        await Measure.AcquireAndReleaseAsync(client.Lock("warm"));
        (double acquires, double releases) = (double.MaxValue, double.MaxValue);
        const int pairs = 20;
        for (int i = 0; i < 5; i++)
        {
            (long acquired, long released) = (0, 0);
            for (int k = 0; k < pairs; k++)
            {
                long before = Interlocked.Read(ref requests);
                var claim = await client.Lock("x").AcquireAsync();
                long between = Interlocked.Read(ref requests);
                await claim.DisposeAsync();
                (acquired, released) = (acquired + between - before, released + Interlocked.Read(ref requests) - between);
            }

            // some requests go on in the background: the least of several tries is what the lock needs
            (acquires, releases) = (Math.Min(acquires, acquired / (double)pairs), Math.Min(releases, released / (double)pairs));
        }

        Report.Row(
            $"{engine.Name}: requests of an uncontended acquire, and of its release", Report.Of($"{acquires:0.##}, {releases:0.##}"), "1, 1",
            Math.Round(acquires, 1) <= 1 && Math.Round(releases, 1) <= 1);
    }

    private static async Task CompareAsync(Engine engine, IBarePairs bare, string bareName, (double Share, double? Latency) target, string handName, double? byHand = null)
    {
        await using var _ = bare;
        await using var hand = await HandWrittenLock.ConnectAsync(StoreUri.Parse(engine.Uri("hand")), TimeSpan.FromSeconds(30), TimeSpan.FromMilliseconds(50));
        bool isFast = engine.Name == "redis";
        await CompareAsync(
            engine,
            each: Effort.Of(isFast ? 240 : 40, 5),
            sequential: Effort.Of(isFast ? 1500 : 250, 20),
            new(bareName, bare.SendAsync, target.Share, Latency: target.Latency, IsBare: true),
            new(
                handName,
                async worker =>
                {
                    await hand.AcquireAsync($"name/{worker}");
                    await hand.ReleaseAsync($"name/{worker}");
                },
                byHand,
                byHand));
    }

    /// <summary>Throughput and latency, in turns.</summary>
    private static async Task CompareAsync(Engine engine, int each, int sequential, params Rival[] rivals)
    {
        await using var client = new ConclaveClient(engine.Open("compare"));
        Task LockAsync(int worker) => Measure.AcquireAndReleaseAsync(client.Lock($"name/{worker}"));
        for (int i = 0; i < Names; i++)
        {
            await LockAsync(i);
        }

        Func<int, Task>[] all = [LockAsync, .. rivals.Select(r => r.PairAsync)];
        var many = await Measure.InTurnsAsync([.. all.Select(pair => (Func<Task<double>>)(() => Measure.RateAsync(pair, Names, each)))]);
        var one = await Measure.InTurnsAsync([.. all.Select(pair => (Func<Task<double>>)(() => Measure.MedianAsync(() => pair(0), sequential)))]);
        for (int i = 0; i < rivals.Length; i++)
        {
            Compare(engine.Name, rivals[i], (many[0], many[i + 1]), (one[0], one[i + 1]));
        }

        Add(engine.Name, [.. one.Select(Report.Median)], [.. many.Select(Report.Median)]);
        Report.Figures.Add(new(engine.Name, "bare", Report.Of($"{Spread.Of(one[0], one[1]).Median:0.00} ×"), Spread.Of(one[0], one[1]).Median));
    }

    private static void Compare(string engine, Rival rival, (double[] Ours, double[] Theirs) many, (double[] Ours, double[] Theirs) one)
    {
        var share = Spread.Of(many.Ours, many.Theirs);
        string what = $"{engine}: acquire + release at {Names} names against {rival.Name}";
        string got = Report.Of($"{share.Median * 100:0} % ({Report.Median(many.Ours):0} of {Report.Median(many.Theirs):0} pairs/s; {share.RoundsPercent})");
        if (rival.Share is { } least)
        {
            Report.AtLeast(what, got, share.Median, least, Report.Of($"≥ {least * 100:0} %"), share);
        }
        else
        {
            Report.Row(what, got, share);
        }

        var latency = Spread.Of(one.Ours, one.Theirs);
        what = $"{engine}: one caller's acquire + release against {rival.Name}";
        got = Report.Of($"{latency.Median:0.00} × ({Report.Median(one.Ours):0.000} ms, {Report.Median(one.Theirs):0.000} ms; {latency.Rounds})");
        if (rival.Latency is { } most)
        {
            Report.AtMost(what, got, latency.Median, most, Report.Of($"≤ {most:0.##} ×"), latency);
        }
        else if (rival.SequentialShare is { } leastOfOne)
        {
            Report.AtMost(what, got, latency.Median, 1 / leastOfOne, Report.Of($"≤ {1 / leastOfOne:0.##} × ({leastOfOne * 100:0} % of its throughput)"), latency);
        }
        else
        {
            Report.Row(what, got, latency);
        }
    }

    private static void Draw()
    {
        string[] engines = [.. Results.Select(r => r.Engine)];
        (string, double[])[] Series(Func<(string Engine, double[] One, double[] Many), double[]> of) =>
        [
            ("Conclave", [.. Results.Select(r => of(r)[0])]),
            ("the bare engine, the same requests", [.. Results.Select(r => of(r)[1])]),
            ("by hand", [.. Results.Select(r => of(r)[2])]),
        ];
        Report.Panels.Add(new Bars("One caller: an acquire and its release", "milliseconds, median", engines, Series(r => r.One), IsLog: true));
        Report.Panels.Add(new Bars("64 names at once: pairs of acquire and release a second (sqlite: one caller)", "pairs a second, median", engines, Series(r => r.Many), IsLog: true));
    }
}
