using System.Globalization;
using Conclave.Testing;

namespace Conclave.Bugs;

/// <summary>
/// The child: runs the kit inside the test build, with the bug that the environment names. Its lines are for the driver: <c>run</c> before each
/// run, <c>fail</c> for each case that failed, <c>end</c> after each run; separated by tabs.
/// </summary>
internal static class Suite
{
    public const string Word = "suite";

    /// <summary>The arguments of a child.</summary>
    /// <param name="engine">memory or sqlite.</param>
    /// <param name="area">Whose cases go first.</param>
    /// <param name="seeds">From which to which seed.</param>
    /// <param name="stops">Whether to stop with the first case that fails.</param>
    /// <param name="only">One case and one mode, or null for all.</param>
    public static string[] Arguments(string engine, Area area, Range seeds, bool stops, Catch? only = null) =>
    [
        Word, engine, area.ToString(), seeds.Start.ToString(), seeds.End.ToString(), stops ? "stop" : "all", only?.Mode ?? "", only?.Case ?? "",
    ];

    public static async Task<int> RunAsync(string[] args)
    {
        if (typeof(ConclaveClient).Assembly.GetType("Conclave.DeliberateBugs") is null)
        {
            throw new InvalidOperationException("This is no test build.");
        }

        var (engine, area) = (args[1], Enum.Parse<Area>(args[2]));
        var (first, last) = (int.Parse(args[3], CultureInfo.InvariantCulture), int.Parse(args[4], CultureInfo.InvariantCulture));
        bool stops = args[5] == "stop";
        var (mode, only) = (args[6], args[7]);

        // a case about a store never meets a bug in a recipe
        var ofStores = StoreConformance.Cases.Select(c => c.Name).ToHashSet();
        Func<ConformanceCase, bool> isFirst = c => ofStores.Contains(c.Name) == (area != Area.Recipes);
        Func<ConformanceCase, bool>[] groups = only.Length > 0 ? [c => c.Name == only] : [isFirst, c => !isFirst(c)];
        bool failed = false;
        for (int seed = first; seed <= last; seed++)
        {
            foreach (var group in groups)
            {
                foreach (bool chaos in (bool[])[false, true])
                {
                    if (mode.Length == 0 || mode == (chaos ? "chaos" : "plain"))
                    {
                        failed |= await RunAsync(engine, group, seed, chaos, stops);
                        if (failed && stops)
                        {
                            return 1;
                        }
                    }
                }
            }
        }

        return failed ? 1 : 0;
    }

    private static async Task<bool> RunAsync(string engine, Func<ConformanceCase, bool> group, int seed, bool chaos, bool stops)
    {
        Tell("run", chaos ? "chaos" : "plain", seed.ToString(CultureInfo.InvariantCulture));
        var options = new ConformanceOptions
        {
            Chaos = chaos,
            Seed = seed,
            Parallelism = 2,
            CaseTimeout = TimeSpan.FromSeconds(20),
            Filter = c =>
            {
                // asked when the case is about to start
                bool isWanted = group(c);
                if (isWanted)
                {
                    Tell("case", c.Name);
                }

                return isWanted;
            },
        };
        var writer = new FailureWriter(stops);
        var report = await ConformanceKit.RunAsync(() => engine == "sqlite" ? new SqliteHarness() : new MemoryHarness(), writer, options);
        Tell("end", report.Cases.ToString(CultureInfo.InvariantCulture), writer.Failures.ToString(CultureInfo.InvariantCulture));
        return writer.Failures > 0;
    }

    private static void Tell(params string[] words)
    {
        lock (Console.Out)
        {
            Console.WriteLine(string.Join('\t', words.Select(w => string.Join(' ', w.Split(['\t', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries)))));
            Console.Out.Flush();
        }
    }

    /// <summary>Passes each failure on at once; the cases that run beside it need not be awaited.</summary>
    private sealed class FailureWriter(bool stops) : StringWriter(CultureInfo.InvariantCulture)
    {
        private static readonly string[] Nothings = ["too weak", "strong enough", "undecided"];

        public int Failures { get; private set; }

        // a case that did not get far enough on a busy machine has not seen the bug
        private static bool SawNothing(string seen) =>
            Nothings.Any(n => seen.Contains(n, StringComparison.Ordinal));

        public override void WriteLine(string? value)
        {
            // "<case> failed.\n  Contract: …\n  Seen:     …"
            string[] lines = (value ?? "").Split('\n', 3);
            if (lines.Length == 3 && lines[0].EndsWith(" failed.", StringComparison.Ordinal) && !SawNothing(lines[2]))
            {
                Failures++;
                Tell("fail", lines[0][..^" failed.".Length], lines[1].Trim(), lines[2].Trim());
                if (stops)
                {
                    Environment.Exit(1);
                }
            }
        }
    }
}
