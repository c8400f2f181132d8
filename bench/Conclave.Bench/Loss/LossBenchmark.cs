using Conclave.Servers;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>
/// A holder is killed, cut off from the server, or its session is ended by somebody: how soon it hears that it lost, and how soon the next one
/// is in. All engines and all cases at once: nearly all of it is waiting.
/// </summary>
internal static class LossBenchmark
{
    private static readonly TimeSpan TimeToLive = WorkerProcess.TimeToLive;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(45);

    private static readonly int Times = Effort.Of(5, 1);

    private enum Event
    {
        Killed,
        Cut,
        Ended,
    }

    public static async Task RunAsync(string[] only)
    {
        string[] engines = [.. Engine.All.Where(e => only.Length == 0 || only.Contains(e))];
        var started = new List<Engine>();
        try
        {
            foreach (string name in engines)
            {
                started.Add(await Engine.StartAsync(name));
            }

            var cases = new List<(Engine Engine, string Kind, Event Event, Case Case)>();
            foreach (var engine in started)
            {
                foreach (string kind in (string[])["ours", "hand50"])
                {
                    foreach (var what in Enum.GetValues<Event>().Where(e => Happens(engine, kind, e)))
                    {
                        cases.Add((engine, kind, what, await Case.PrepareAsync(engine, kind, what)));
                    }
                }
            }

            var outcomes = await Task.WhenAll(cases.Select(c => c.Case.RunAsync()));
            foreach (var (_, _, _, ended) in cases)
            {
                await ended.DisposeAsync();
            }

            var results = cases.Zip(outcomes).ToDictionary(r => (r.First.Engine.Name, r.First.Kind, r.First.Event), r => r.Second);
            foreach (var ((engine, kind, what, _), outcome) in cases.Zip(outcomes))
            {
                Row(engine.Name, kind, what, outcome);
            }

            Draw(engines, results);
        }
        finally
        {
            foreach (var engine in started)
            {
                await engine.DisposeAsync();
            }
        }

        Report.Settings.Add(Report.Of($"time to live {TimeToLive.TotalSeconds:0} s, ours and by hand; {Times} times each, at any moment between two renewals; given up after {Patience.TotalSeconds:0} s"));
        Report.Settings.Add("killed: `kill -9` of the holder's process. Cut: a proxy between holder and server loses all bytes and tells nobody. Ended: another client closes the holder's session");
        Report.Settings.Add("by hand nobody tells the holder that it lost; on Redis and SQLite nobody renews either, so that the time to live runs from the grant");
    }

    // a file has no connection to cut; by hand there is no session to end, or it ends as the connection does
    private static bool Happens(Engine engine, string kind, Event what) => what switch
    {
        Event.Killed => true,
        Event.Cut => engine is not SqliteEngine,
        _ => kind == "ours",
    };

    private static void Row(string engine, string kind, Event what, (double[] Lost, double[] Next) outcome)
    {
        string happened = what switch { Event.Killed => "SIGKILL of the holder", Event.Cut => "the cut of the holder's connection", _ => "the end of the holder's session by somebody" };
        string by = kind == "ours" ? "" : engine == "etcd" ? ", etcd's own lock service" : ", by hand";
        string RangeOf(double[] times) => times.Any(double.IsInfinity)
            ? Report.Of($"not within {Patience.TotalSeconds:0} s ({times.Count(double.IsFinite)} of {times.Length} times it was)")
            : Report.Of($"from {times.Min():0.00} to {times.Max():0.00} s ({times.Length} times)");
        if (outcome.Lost.Length > 0)
        {
            Report.Row($"{engine}: from {happened} to its Lost, time to live {TimeToLive.TotalSeconds:0} s", RangeOf(outcome.Lost));
            int early = outcome.Lost.Zip(outcome.Next).Count(pair => pair.First <= pair.Second);
            Report.Row(
                $"{engine}: the holder heard it before the next one was in, {(what == Event.Cut ? "cut off" : "its session ended")}",
                $"{early} of {outcome.Lost.Length} times",
                what == Event.Cut ? "always" : "–",
                what == Event.Cut ? early == outcome.Lost.Length : null);
        }

        Report.Row($"{engine}: from {happened} to the next one, time to live {TimeToLive.TotalSeconds:0} s{by}", RangeOf(outcome.Next));
        if (kind == "ours" && what == Event.Killed)
        {
            Report.Figures.Add(new(engine, "kill", Report.Of($"{outcome.Next.Min():0.0#} – {outcome.Next.Max():0.0#} s"), outcome.Next.Max()));
        }
    }

    private static void Draw(string[] engines, Dictionary<(string Engine, string Kind, Event Event), (double[] Lost, double[] Next)> results)
    {
        double[] Longest(string kind, Event what, bool isLost) => [.. engines.Select(e =>
            results.TryGetValue((e, kind, what), out var r) && (isLost ? r.Lost : r.Next) is { Length: > 0 } times ? Math.Min(times.Max(), Patience.TotalSeconds) : double.NaN)];
        Report.Panels.Add(new Bars(
            "Until the next one is in, time to live 10 s",
            Report.Of($"seconds, the longest of {Times} ({Patience.TotalSeconds:0}: never within that)"),
            engines,
            [
                ("Conclave, holder killed", Longest("ours", Event.Killed, false)),
                ("Conclave, holder cut off", Longest("ours", Event.Cut, false)),
                ("Conclave, session ended", Longest("ours", Event.Ended, false)),
                ("by hand, holder killed", Longest("hand50", Event.Killed, false)),
                ("by hand, holder cut off", Longest("hand50", Event.Cut, false)),
            ]));
        Report.Panels.Add(new Bars(
            "Until the holder hears that it lost, time to live 10 s (by hand: never)",
            Report.Of($"seconds, the longest of {Times}"),
            engines,
            [("cut off", Longest("ours", Event.Cut, true)), ("session ended", Longest("ours", Event.Ended, true))]));
    }

    /// <summary>Some holders that something will happen to, and one process that waits for all of their locks.</summary>
    private sealed class Case : IAsyncDisposable
    {
        private readonly BootTimeProvider _clock = new();
        private readonly Engine _engine;
        private readonly Event _event;
        private readonly string[] _names;
        private readonly FaultProxy? _proxy;
        private readonly List<WorkerProcess> _holders;
        private readonly WorkerProcess _next;

        private Case(Engine engine, Event what, string[] names, FaultProxy? proxy, List<WorkerProcess> holders, WorkerProcess next) =>
            (_engine, _event, _names, _proxy, _holders, _next) = (engine, what, names, proxy, holders, next);

        public static async Task<Case> PrepareAsync(Engine engine, string kind, Event what)
        {
            string[] names = [.. Enumerable.Range(0, Times).Select(i => Report.Of($"{kind}-{what}-{i}"))];
            var proxy = what == Event.Cut ? new FaultProxy(engine.Server!) : null;
            string milliseconds = Report.Of($"{TimeToLive.TotalMilliseconds}");
            var holders = await WorkerProcess.StartAsync(Times, i => ["hold", kind, engine.Uri("loss", proxy), names[i], milliseconds]);

            var next = (await WorkerProcess.StartAsync(1, _ => ["hold", kind, engine.Uri("loss"), string.Join(',', names), milliseconds]))[0];
            return new(engine, what, names, proxy, holders, next);
        }

        /// <returns>Seconds from the event until each heard that it lost, and until the next one was in.</returns>
        public async Task<(double[] Lost, double[] Next)> RunAsync()
        {
            // no sooner than all is prepared: where nobody renews, the time to live runs from here
            _holders.ForEach(h => h.GoOn());
            await Task.WhenAll(_holders.Select(h => h.LineAsync()));
            _next.GoOn();

            // until it waits; and at any moment between two renewals
            await Task.Delay(TimeToLive / 3 * (0.4 + (0.6 * Random.Shared.NextDouble())), TimeProvider.System);
            long[] happened = new long[Times];
            await using var store = _engine.Open("loss");
            if (_event == Event.Cut)
            {
                Array.Fill(happened, _clock.GetTimestamp());
                _proxy!.Drop();
            }

            for (int i = 0; i < Times && _event != Event.Cut; i++)
            {
                await Task.Delay(TimeToLive / 3 * Random.Shared.NextDouble() / Times, TimeProvider.System);
                var session = _event == Event.Ended ? await HolderAsync(store, _names[i]) : null;
                happened[i] = _clock.GetTimestamp();
                if (_event == Event.Killed)
                {
                    _holders[i].Kill();
                }
                else
                {
                    await store.CloseSessionAsync(session!.Value);
                }
            }

            double[] next = [.. Enumerable.Repeat(double.PositiveInfinity, Times)];
            var granting = Task.Run(async () =>
            {
                for (int k = 0; k < Times; k++)
                {
                    string[] said = (await _next.LineAsync()).Split(' ');
                    int i = Array.IndexOf(_names, said[1]);
                    next[i] = (long.Parse(said[2], null) - happened[i]) / 1e9;
                }
            });
            double[] lost = [.. Enumerable.Repeat(double.PositiveInfinity, _event != Event.Killed && _names[0].StartsWith("ours", StringComparison.Ordinal) ? Times : 0)];
            var losing = Enumerable.Range(0, lost.Length).Select(i => Task.Run(async () => lost[i] = (long.Parse((await _holders[i].LineAsync()).Split(' ')[2], null) - happened[i]) / 1e9));
            await Task.WhenAny(Task.WhenAll([granting, .. losing]), Task.Delay(Patience, TimeProvider.System));
            return ([.. lost], [.. next]);
        }

        // who came first
        private static async Task<SessionId?> HolderAsync(IStore store, string name) =>
            (await store.CommitAsync(new(reads: [Read.Scan($"lock/{name}/")]))).Reads[0].MinBy(e => e.CreateRevision)!.Session;

        public async ValueTask DisposeAsync()
        {
            _holders.ForEach(h => h.Dispose());
            _next.Dispose();
            if (_proxy is not null)
            {
                await _proxy.DisposeAsync();
            }
        }
    }
}
