using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Conclave.Bugs;

/// <summary>Looks for a bug with real processes: <c>./torture</c> of the test build, whose workers have the bug too.</summary>
internal sealed class Campaign(Workshop workshop, Settings settings)
{
    private readonly ConcurrentDictionary<string, Lazy<Task<ChildReport>>> _withoutBug = [];

    // faults, and then the bounds that a run waits for before it calls something missing
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(12);

    /// <summary>Whether nothing is wrong there without a bug, for 15 s of faults at least; several bugs may share the answer.</summary>
    public async Task<bool> IsCleanAsync(Hunt hunt, int seed, CancellationToken cancellationToken) =>
        await _withoutBug.GetOrAdd($"{hunt.Engine} {string.Join(' ', hunt.Arguments)} {seed}", _ => new(() => RunAsync(null, hunt with { Arguments = [.. hunt.Arguments, "--duration", "15s"] }, seed, cancellationToken))).Value
            is { Trouble: null, Catches.Count: 0 };

    /// <summary>Runs it.</summary>
    /// <param name="bug">The bug, or null for none.</param>
    /// <param name="hunt">Where.</param>
    /// <param name="seed">The seed of the torture.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>What was wrong; nothing when the run is clean.</returns>
    public async Task<ChildReport> RunAsync(string? bug, Hunt hunt, int seed, CancellationToken cancellationToken)
    {
        long started = TimeProvider.System.GetTimestamp();
        string[] arguments = ["--engine", hunt.Engine, "--seed", seed.ToString(CultureInfo.InvariantCulture), .. hunt.Arguments];
        var start = new ProcessStartInfo(workshop.Torture, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment =
            {
                [Mutation.BugVariable] = bug ?? "",
                ["CONCLAVE_SERVERS"] = Path.Combine(settings.Root, ".servers"),
                ["TMPDIR"] = workshop.Temporary,
                ["DOTNET_GCHeapHardLimit"] = "0x60000000",
                ["DOTNET_DbgEnableMiniDump"] = "0",
            },
        };
        using var process = Process.Start(start) ?? throw new InvalidOperationException("The torture of the test build did not start.");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        string? trouble = null;
        string output = "";
        try
        {
            var errors = process.StandardError.ReadToEndAsync(limit.Token);
            output = await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            trouble = process.ExitCode is 0 or 1 ? null : $"crash: {(await errors).Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault() ?? $"exit code {process.ExitCode}"}";
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            trouble = $"timeout: not over after {Limit.TotalMinutes} minutes";
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync(CancellationToken.None);
            }
        }

        // "- ORACLE: WHAT", under the last heading of the report
        var violations = output.Split('\n').SkipWhile(l => l != "## Violations").Where(l => l.StartsWith("- ", StringComparison.Ordinal))
            .Select(l => l[2..].Split(": ", 2)).Where(p => p.Length == 2).Select(p => new Catch(p[0], hunt.Engine, seed, "", p[1]));
        return new([.. violations.DistinctBy(v => v.Case)], 1, trouble, TimeProvider.System.GetElapsedTime(started));
    }
}
