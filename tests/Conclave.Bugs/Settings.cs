using System.Globalization;

namespace Conclave.Bugs;

/// <summary>What was asked for.</summary>
internal sealed record Settings
{
    public const string Help = """
        Shows that the conformance kit catches deliberate bugs: builds the sources once with every bug in them, each behind a switch,
        and runs the kit with one switched on after the other, plain and through chaos, until a case fails.

        usage: ./bugs [OPTION]… [NAME]…        all bugs, or those whose names contain one of the given

          --list               list the bugs and what somebody would meet
          --check              only check that every bug fits the code as it is; builds nothing
          --engine ENGINE      memory or sqlite: only the bugs that show there, all of them there
          --campaign           look with ./torture instead of the kit, with real processes and a nemesis, for those that concern real processes; each
                               where it should show. What is caught counts if the same run without the bug is clean. --engine is then an engine
                               of ./torture. All of them take more than an hour
          --seeds N            how many seeds to try (3)
          --all-cases          do not stop at the first case that catches a bug; name them all
          --jobs N             how many bugs to look for at the same time (3)
          --patience N         seconds after which a case no longer waits for what needs no waiting (6)
          --limit N            seconds after which a child that starts no case any more is ended (90)
          --no-baseline        do not run the kit, or the same torture, without a bug
          --show               show what the cases saw
          --keep               keep the folder of the test build
          --save               write the table to bench/BUGS.md, or with --campaign to docs/torture/bugs.md, where the others stay as they were

        Exit code: 0 when every bug was caught, 1 when one survived or the kit fails without a bug, 2 for wrong options.
        """;

    public string Root { get; init; } = Environment.CurrentDirectory;

    public IReadOnlyList<string> Names { get; init; } = [];

    public string? Engine { get; init; }

    public int Seeds { get; init; } = 3;

    public int Jobs { get; init; } = 3;

    public int Patience { get; init; } = 6;

    public TimeSpan Limit { get; init; } = TimeSpan.FromSeconds(90);

    public bool Lists { get; init; }

    public bool Checks { get; init; }

    public bool InCampaigns { get; init; }

    public bool AllCases { get; init; }

    public bool Baseline { get; init; } = true;

    public bool Shows { get; init; }

    public bool Keeps { get; init; }

    public bool Saves { get; init; }

    public bool NeedsHelp { get; init; }

    /// <exception cref="ArgumentException">An option is unknown or has no value.</exception>
    public static Settings Parse(string[] args)
    {
        var settings = new Settings();
        var rest = new Queue<string>(args);
        while (rest.TryDequeue(out string? option))
        {
            settings = option switch
            {
                "--help" or "-h" => settings with { NeedsHelp = true },
                "--list" => settings with { Lists = true },
                "--campaign" => settings with { InCampaigns = true },
                "--check" => settings with { Checks = true },
                "--all-cases" => settings with { AllCases = true },
                "--no-baseline" => settings with { Baseline = false },
                "--show" => settings with { Shows = true },
                "--keep" => settings with { Keeps = true },
                "--save" => settings with { Saves = true },
                "--root" => settings with { Root = Path.GetFullPath(Value()) },
                "--engine" => settings with { Engine = Value() },
                "--seeds" => settings with { Seeds = Number(most: 1000) },
                "--jobs" => settings with { Jobs = Number(most: 64) },
                "--patience" => settings with { Patience = Number(most: 600) },
                "--limit" => settings with { Limit = TimeSpan.FromSeconds(Number(most: 3600)) },
                ['-', ..] => throw new ArgumentException($"There is no option {option}; see ./bugs --help."),
                _ => settings with { Names = [.. settings.Names, option] },
            };

            string Value() => rest.TryDequeue(out string? value) ? value : throw new ArgumentException($"{option} needs a value.");

            int Number(int most) => int.TryParse(Value(), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= 1 && number <= most
                ? number
                : throw new ArgumentException($"{option} needs a number from 1 to {most}.");
        }

        return settings.InCampaigns || settings.Engine is null or "memory" or "sqlite" ? settings : throw new ArgumentException("--engine is memory or sqlite.");
    }
}
