using System.Globalization;
using System.Runtime.InteropServices;
using Conclave;
using Conclave.Servers;
using Conclave.Torture;

if (args is ["worker", var uri, var timeToLive, var resource, var seed, var exercises])
{
    return await Worker.RunAsync(uri, timeToLive, resource, seed, exercises);
}

if (args is ["--help" or "-h" or "help", ..])
{
    Console.WriteLine($"""
        Tortures Conclave with real processes and real servers, and judges what they saw: claims never overlap, tokens rise, permits are never
        too many, nothing confirmed is lost, everybody goes on, nothing is left behind.

        usage: ./torture [OPTION]…

          --engine ENGINE      {string.Join(", ", Arena.All.Keys)},
                               or all, one after the other (sqlite); may be given several times
          --profile PROFILE    safety: faults overlap (the default); liveness: one fault, then quiet, and everybody must go on within the bound;
                               crowd: sessions that end together beside some that live, and clients that come back together after an outage
          --duration TIME      for how long faults are laid: 90s, 30m, 2h (60s)
          --workers N          processes at a time (5); of a crowd: clients that come back (try 200)
          --sessions N         of a crowd: how many end together (10000)
          --ttl TIME           the time to live of the workers' sessions (the shortest that the engine has)
          --exercise NAME      what workers do: {string.Join(", ", Exercises.All.Keys)};
                               may be given several times (all of them)
          --fault KIND         lay only this one, as reports call it; may be given several times. Some are laid only when they are asked for: a kind that is not there
                               tells which there are
          --calm TIME          for how long nothing is wrong at first, which shows what operations cost (3s)
          --prompt TIME        how long half of those who wait for something that is free may wait meanwhile (0.25s)
          --pace TIME          the time between two faults, on average, where they overlap (0.5s)
          --first              stop with the first violation
          --seed N             of all that is drawn; the order of events is still the machine's
          --no-fence           the guarded resource checks no tokens: shows what a lock alone cannot prevent
          --report FOLDER      write ENGINE-PROFILE.md, .json and .svg there (of a crowd only the first)

        Ctrl-C ends the faults, and what was seen is judged. Exit code: 0 when nothing wrong was found, 1 otherwise, 64 for wrong options, 69 without the server.
        """);
    return 0;
}

(Settings Settings, IReadOnlyList<string> Engines) parsed;
try
{
    parsed = Settings.Parse(args);
}
catch (ArgumentException e)
{
    Console.Error.WriteLine($"torture: {e.Message}");
    return 64;
}

using var stop = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
{
    context.Cancel = true;
    stop.Cancel();
});
bool clean = true;
foreach (string engine in parsed.Engines)
{
    var settings = parsed.Settings with { Engine = engine };
    var clock = new BootTimeProvider();
    long begun = clock.GetTimestamp();
    Console.Error.WriteLine($"{engine}: {settings.Profile.ToString().ToLowerInvariant()}, {settings.Duration.TotalSeconds:0} s, seed {settings.Seed}");
    void Tell(string line) => Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{clock.GetElapsedTime(begun).TotalSeconds,7:0.0}  {line}"));
    string date = clock.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
    string machine = $"{Environment.ProcessorCount} processors, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}";
    if (settings.Profile == Profile.Crowd)
    {
        var crowd = await CrowdRun.RunAsync(settings, Tell);
        clean &= crowd.Violations.Count == 0;
        string page = crowd.ToMarkdown(settings, machine, date);
        Console.WriteLine(page);
        if (settings.Report is { } place)
        {
            Directory.CreateDirectory(place);
            await File.WriteAllTextAsync(Path.Combine(place, $"{engine}-crowd.md"), page);
        }

        continue;
    }

    Outcome outcome;
    try
    {
        outcome = await TortureRun.RunAsync(settings, Tell, stop.Token);
    }
    catch (ArgumentException e)
    {
        Console.Error.WriteLine($"torture: {e.Message}");
        return 64;
    }
    catch (ServerMissingException e)
    {
        Console.Error.WriteLine($"torture: {e.Reason}");
        return 69;
    }

    clean &= outcome.IsClean;
    string? picture = Timeline.Of(outcome);
    string file = $"{engine}-{settings.Profile.ToString().ToLowerInvariant()}{(settings.Fences ? "" : "-without-fence")}";
    string text = TextReport.Of(outcome, machine, date, settings.Report is null || picture is null ? null : $"{file}.svg");
    Console.WriteLine(text);
    if (settings.Report is { } folder)
    {
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, $"{file}.md"), text);
        await File.WriteAllTextAsync(Path.Combine(folder, $"{file}.json"), JsonReport.Of(outcome, machine, date));
        if (picture is not null)
        {
            await File.WriteAllTextAsync(Path.Combine(folder, $"{file}.svg"), picture);
        }
    }

    if (stop.IsCancellationRequested)
    {
        break;
    }
}

return clean ? 0 : 1;
