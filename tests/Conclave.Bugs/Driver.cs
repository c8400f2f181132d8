namespace Conclave.Bugs;

/// <summary>What came of the search for one bug.</summary>
internal sealed record Outcome(Bug Bug, string Engine, IReadOnlyList<Catch> Catches, string? Trouble, TimeSpan Elapsed)
{
    public bool IsCaught => Catches.Count > 0 || Trouble is not null;
}

/// <summary>Makes the test build, and looks for one bug after the other.</summary>
internal sealed class Driver(Settings settings) : IDisposable
{
    private readonly SemaphoreSlim _saving = new(1);

    public void Dispose() => _saving.Dispose();

    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var bugs = BugList.All.Where(IsWanted).ToArray();
        if (bugs.Length == 0)
        {
            Console.Error.WriteLine("bugs: no bug has such a name; see ./bugs --list.");
            return 2;
        }

        if (settings.Lists)
        {
            foreach (var bug in bugs)
            {
                Console.WriteLine($"{bug.Name} ({bug.Area.ToString().ToLowerInvariant()})\n    {bug.Why}");
            }

            return 0;
        }

        if (settings.Checks)
        {
            Workshop.Check(settings.Root);
            _ = Mutation.Apply(settings.Root, BugList.All);
            int hunted = BugList.All.Count(b => Hunts.Excuse(b) is null);
            if (Hunts.All.Keys.FirstOrDefault(h => BugList.All.All(b => b.Name != h)) is { } nobody)
            {
                throw new MutationException($"{nobody}: it is hunted and not in the list of bugs.");
            }

            Console.WriteLine($"{BugList.All.Count} of {BugList.All.Count} bugs fit the code; {hunted} of them concern real processes");
            return 0;
        }

        using var workshop = new Workshop(settings);
        workshop.Prepare(BugList.All);
        Say($"building the sources with {BugList.All.Count} bugs in them, each behind a switch…");
        if (await workshop.TryBuildAsync(cancellationToken) is { } errors)
        {
            Console.Error.WriteLine($"{errors}\nbugs: the test build failed, see above.");
            return 1;
        }

        var child = new Child(workshop, settings);
        var campaign = new Campaign(workshop, settings);
        if (settings.Baseline && !settings.InCampaigns && !await PassesWithoutBugAsync(child, bugs, cancellationToken))
        {
            return 1;
        }

        var outcomes = new Outcome[bugs.Length];
        int done = 0;
        var jobs = new ParallelOptions { MaxDegreeOfParallelism = settings.Jobs, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(Enumerable.Range(0, bugs.Length), jobs, async (i, cancellation) =>
        {
            outcomes[i] = await (settings.InCampaigns ? LookInCampaignsAsync(campaign, bugs[i], cancellation) : LookForAsync(child, bugs[i], cancellation));
            await SaveAsync([.. outcomes.OfType<Outcome>()], over: false);
            Say($"[{Interlocked.Increment(ref done)}/{bugs.Length}] {bugs[i].Name}: {Table.Describe(outcomes[i])}");
            if (settings.Shows && outcomes[i].Catches.Count > 0)
            {
                Say($"    {outcomes[i].Catches[0].Seen}");
            }
        });

        Table.Write(outcomes, settings, Console.Out);
        await SaveAsync(outcomes, over: true);
        return outcomes.All(o => o.IsCaught) ? 0 : 1;
    }

    /// <summary>A campaign takes long, and keeps what it has found so far; the kit's table is whole or not written.</summary>
    private async Task SaveAsync(IReadOnlyList<Outcome> outcomes, bool over)
    {
        if (settings.Saves && (settings.InCampaigns || over))
        {
            await _saving.WaitAsync();
            try
            {
                await Table.SaveAsync(outcomes, settings, CancellationToken.None);
            }
            finally
            {
                _saving.Release();
            }
        }
    }

    private bool IsWanted(Bug bug) =>
        (settings.InCampaigns ? Hunts.Excuse(bug) is null : settings.Engine is null || bug.ShowsOn(settings.Engine))
        && (settings.Names.Count == 0 || settings.Names.Any(n => bug.Name.Contains(n, StringComparison.Ordinal)));

    private string EngineOf(Bug bug) => settings.Engine ?? bug.Engine;

    private Hunt HuntOf(Bug bug) => settings.Engine is { } engine ? Hunts.All[bug.Name] with { Engine = engine } : Hunts.All[bug.Name];

    private async Task<Outcome> LookInCampaignsAsync(Campaign campaign, Bug bug, CancellationToken cancellationToken)
    {
        long started = TimeProvider.System.GetTimestamp();
        var hunt = HuntOf(bug);
        ChildReport? report = null;
        for (int seed = 1; seed <= settings.Seeds && report is null or { Trouble: null, Catches.Count: 0 }; seed++)
        {
            report = await campaign.RunAsync(bug.Name, hunt, seed, cancellationToken);
            if (settings.Baseline && report.Catches is [var seen, ..] && !await campaign.IsCleanAsync(hunt, seed, cancellationToken))
            {
                // nothing that is wrong without the bug says anything of the bug
                Say($"{bug.Name}: {seen.Case} does not count, the same hunt (seed {seed}) is not clean without the bug: {seen.Seen}");
                report = null;
            }
        }

        return new(bug, hunt.Engine, report?.Catches ?? [], report?.Trouble, TimeProvider.System.GetElapsedTime(started));
    }

    private async Task<bool> PassesWithoutBugAsync(Child child, Bug[] bugs, CancellationToken cancellationToken)
    {
        // the first seed only: every catch is compared with a run without the bug, whatever its seed
        Say("running the kit without a bug…");
        return (await Task.WhenAll(bugs.Select(EngineOf).Distinct().Select(e => PassesWithoutBugAsync(child, e, cancellationToken)))).All(p => p);
    }

    private static async Task<bool> PassesWithoutBugAsync(Child child, string engine, CancellationToken cancellationToken)
    {
        var report = await child.RunAsync(null, Suite.Arguments(engine, Area.Memory, 1..1, stops: false), cancellationToken);
        bool passes = report.Trouble is null;
        foreach (var failure in report.Catches)
        {
            // a machine that is busy may cost a case its patience: what fails twice is no accident
            Say($"without a bug {failure.Case} ({engine}, {failure.Mode}, seed {failure.Seed}) failed: {failure.Seen}");
            passes &= !await FailsAloneAsync(child, null, engine, failure, cancellationToken);
        }

        Say($"without a bug, {engine}: {report.Cases} runs of cases in {report.Elapsed.TotalSeconds:F0} s{(report.Catches.Count > 0 ? ", some at the second attempt" : "")}");
        if (!passes)
        {
            Say($"bugs: the suite fails without a bug on {engine}{(report.Trouble is null ? "" : $": {report.Trouble}")}");
        }

        return passes;
    }

    private static async Task<bool> FailsAloneAsync(Child child, string? bug, string engine, Catch failure, CancellationToken cancellationToken)
    {
        var arguments = Suite.Arguments(engine, Area.Memory, failure.Seed..failure.Seed, stops: true, failure);
        var alone = await child.RunAsync(bug, arguments, cancellationToken);
        return alone.Trouble is not null || alone.Catches.Count > 0;
    }

    /// <summary>
    /// Whether it was the bug that a case failed for: without it, the case passes. One that lost its patience may have done so because the
    /// machine is busy, so it must do it again.
    /// </summary>
    private static async Task<bool> IsConfirmedAsync(Child child, Bug bug, string engine, Catch failure, CancellationToken cancellationToken)
    {
        bool fails = !failure.Seen.Contains("not within", StringComparison.Ordinal) && !failure.Seen.Contains("timed out", StringComparison.Ordinal);
        for (int i = 0; i < 3 && !fails; i++)
        {
            fails = await FailsAloneAsync(child, bug.Name, engine, failure, cancellationToken);
        }

        return fails && !await FailsAloneAsync(child, null, engine, failure, cancellationToken);
    }

    private async Task<Outcome> LookForAsync(Child child, Bug bug, CancellationToken cancellationToken)
    {
        long started = TimeProvider.System.GetTimestamp();
        string engine = EngineOf(bug);
        var catches = new List<Catch>();
        string? trouble = null;
        for (int seed = 1; seed <= settings.Seeds && catches.Count == 0 && trouble is null; seed++)
        {
            int last = settings.AllCases ? settings.Seeds : seed;
            var report = await child.RunAsync(bug.Name, Suite.Arguments(engine, bug.Area, seed..last, !settings.AllCases), cancellationToken);
            foreach (var failure in report.Catches)
            {
                if (settings.AllCases || await IsConfirmedAsync(child, bug, engine, failure, cancellationToken))
                {
                    catches.Add(failure);
                }
                else
                {
                    Say($"{bug.Name}: {failure.Case} ({failure.Mode}, seed {seed}) does not count, it was not for the bug: {failure.Seen}");
                }
            }

            trouble = report.Trouble;
            seed = last;
        }

        return new(bug, engine, catches, trouble, TimeProvider.System.GetElapsedTime(started));
    }

    private static void Say(string text)
    {
        lock (Console.Error)
        {
            Console.Error.WriteLine(text);
        }
    }
}
