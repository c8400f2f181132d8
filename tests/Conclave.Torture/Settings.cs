using System.Globalization;

namespace Conclave.Torture;

/// <summary>How faults are laid.</summary>
internal enum Profile
{
    /// <summary>Faults overlap: nothing wrong may ever happen.</summary>
    Safety,

    /// <summary>One fault, then quiet: everybody must go on within the documented bound.</summary>
    Liveness,

    /// <summary>No faults but one: thousands of sessions end together, and hundreds of clients come back together.</summary>
    Crowd,
}

/// <summary>One run.</summary>
internal sealed record Settings
{
    public string Engine { get; init; } = "sqlite";

    public Profile Profile { get; init; } = Profile.Safety;

    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>What must have happened before the faults end, if that takes no longer than ten times the duration; null for nothing.</summary>
    public Func<History, bool>? Enough { get; init; }

    public int Workers { get; init; } = 5;

    /// <summary>How many sessions a crowd has.</summary>
    public int Sessions { get; init; } = 10_000;

    /// <summary>The time to live of the workers' sessions; null for the shortest of the engine.</summary>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>What the workers do.</summary>
    public IReadOnlyList<string> Exercises { get; init; } = [.. Torture.Exercises.All.Keys];

    /// <summary>The faults that are laid; none for all that are not only for who asks for them.</summary>
    public IReadOnlyList<string> Faults { get; init; } = [];

    /// <summary>How long nothing is wrong at first, at least.</summary>
    public TimeSpan Calm { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long half of those who wait for something that is free may wait, while nothing is wrong.</summary>
    public TimeSpan Prompt { get; init; } = TimeSpan.FromSeconds(0.25);

    /// <summary>The time between two faults, on average, where they overlap.</summary>
    public TimeSpan Pace { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>Whether to stop with the first violation.</summary>
    public bool StopsAtFirst { get; init; }

    public int Seed { get; init; } = Environment.ProcessId;

    /// <summary>Whether the guarded resource checks tokens.</summary>
    public bool Fences { get; init; } = true;

    /// <summary>Where reports go, or null.</summary>
    public string? Report { get; init; }

    /// <summary>The command that repeats it.</summary>
    public string Command
    {
        get
        {
            var ofDefault = new Settings();
            string command = string.Create(
                CultureInfo.InvariantCulture,
                $"./torture --engine {Engine} --profile {Profile.ToString().ToLowerInvariant()} --duration {Duration.TotalSeconds:0}s --workers {Workers} --seed {Seed}{(Fences ? "" : " --no-fence")}");
            command += TimeToLive is { } span ? Option("ttl", span) : "";
            command += Calm == ofDefault.Calm ? "" : Option("calm", Calm);
            command += Prompt == ofDefault.Prompt ? "" : Option("prompt", Prompt);
            command += Pace == ofDefault.Pace ? "" : Option("pace", Pace);
            command += Exercises.SequenceEqual(ofDefault.Exercises) ? "" : string.Concat(Exercises.Select(e => $" --exercise {e}"));
            return command + string.Concat(Faults.Select(f => $" --fault \"{f}\"")) + (StopsAtFirst ? " --first" : "");

            static string Option(string name, TimeSpan span) => string.Create(CultureInfo.InvariantCulture, $" --{name} {span.TotalSeconds:0.##}s");
        }
    }

    /// <summary>Reads a command line.</summary>
    /// <exception cref="ArgumentException">It is wrong; the message says how.</exception>
    public static (Settings Settings, IReadOnlyList<string> Engines) Parse(IEnumerable<string> arguments)
    {
        var settings = new Settings();
        var engines = new List<string>();
        var exercises = new List<string>();
        var faults = new List<string>();
        var words = new Queue<string>(arguments);
        while (words.TryDequeue(out string? option))
        {
            string Value() => words.TryDequeue(out string? value) ? value : throw new ArgumentException($"{option} needs a value.");
            switch (option)
            {
                case "--engine":
                    string engine = Value();
                    engines.AddRange(engine == "all" ? Arena.All.Keys : Arena.All.ContainsKey(engine)
                        ? [engine]
                        : throw new ArgumentException($"There is no engine '{engine}'; there are {string.Join(", ", Arena.All.Keys)} and all."));
                    break;
                case "--profile":
                    settings = settings with
                    {
                        Profile = Enum.TryParse<Profile>(Value(), ignoreCase: true, out var profile) ? profile : throw new ArgumentException("--profile is safety, liveness or crowd."),
                    };
                    break;
                case "--duration":
                    settings = settings with { Duration = Span(option, Value()) };
                    break;
                case "--ttl":
                    settings = settings with { TimeToLive = Span(option, Value()) };
                    break;
                case "--calm":
                    settings = settings with { Calm = Span(option, Value()) };
                    break;
                case "--prompt":
                    settings = settings with { Prompt = Span(option, Value()) };
                    break;
                case "--pace":
                    settings = settings with { Pace = Span(option, Value()) };
                    break;
                case "--exercise":
                    string exercise = Value();
                    exercises.Add(Torture.Exercises.All.ContainsKey(exercise)
                        ? exercise
                        : throw new ArgumentException($"There is no exercise '{exercise}'; there are {string.Join(", ", Torture.Exercises.All.Keys)}."));
                    break;
                case "--fault":
                    faults.Add(Value());
                    break;
                case "--first":
                    settings = settings with { StopsAtFirst = true };
                    break;
                case "--workers":
                    settings = settings with { Workers = Number(option, Value(), 2, 1000) };
                    break;
                case "--sessions":
                    settings = settings with { Sessions = Number(option, Value(), 1, 100_000) };
                    break;
                case "--seed":
                    settings = settings with { Seed = Number(option, Value(), 0, int.MaxValue) };
                    break;
                case "--no-fence":
                    settings = settings with { Fences = false };
                    break;
                case "--report":
                    settings = settings with { Report = Value() };
                    break;
                default:
                    throw new ArgumentException($"There is no option '{option}'; see --help.");
            }
        }

        settings = settings with { Faults = faults, Exercises = exercises.Count > 0 ? [.. exercises.Distinct()] : settings.Exercises };
        return (settings, engines.Count == 0 ? [settings.Engine] : engines);
    }

    private static int Number(string option, string text, int from, int to) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= from && number <= to
            ? number
            : throw new ArgumentException($"{option} '{text}' is no number from {from} to {to}.");

    private static TimeSpan Span(string option, string text) =>
        text.Length > 1 && double.TryParse(text[..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number > 0
            ? text[^1] switch
            {
                's' => TimeSpan.FromSeconds(number),
                'm' => TimeSpan.FromMinutes(number),
                'h' => TimeSpan.FromHours(number),
                _ => throw new ArgumentException($"{option} '{text}' needs a unit: 90s, 30m, 2h."),
            }
            : throw new ArgumentException($"{option} '{text}' is no time such as 90s, 30m, 2h.");
}
