using System.Diagnostics;
using System.Globalization;

namespace Conclave.Bugs;

/// <summary>Looks for a bug with real processes: <c>./torture</c> of the test build, whose workers have the bug too.</summary>
internal sealed class Campaign(Workshop workshop, Settings settings)
{
    private static readonly TimeSpan Faults = TimeSpan.FromSeconds(20);

    // faults, and then the bounds that a run waits for before it calls something missing
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(6);

    /// <summary>The engine that a bug is looked for on.</summary>
    public static string EngineOf(Bug bug) => bug.Area == Area.Sqlite ? "sqlite" : "redis";

    /// <summary>Runs it.</summary>
    /// <returns>What was wrong; nothing when the run is clean.</returns>
    public async Task<ChildReport> RunAsync(string? bug, string engine, int seed, CancellationToken cancellationToken)
    {
        long started = TimeProvider.System.GetTimestamp();
        string[] arguments =
        [
            "--engine", engine, "--workers", "4", "--seed", seed.ToString(CultureInfo.InvariantCulture),
            "--duration", string.Create(CultureInfo.InvariantCulture, $"{Faults.TotalSeconds}s"),
        ];
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
            .Select(l => l[2..].Split(": ", 2)).Where(p => p.Length == 2).Select(p => new Catch(p[0], engine, seed, "", p[1]));
        return new([.. violations.DistinctBy(v => v.Case)], 1, trouble, TimeProvider.System.GetElapsedTime(started));
    }
}
