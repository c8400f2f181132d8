using System.Diagnostics;
using System.Globalization;

namespace Conclave.Bugs;

/// <summary>A case that failed.</summary>
/// <param name="Case">Its name.</param>
/// <param name="Mode">plain or chaos.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Contract">The line of the contract it checks.</param>
/// <param name="Seen">What it saw.</param>
internal sealed record Catch(string Case, string Mode, int Seed, string Contract, string Seen);

/// <summary>What one child did.</summary>
/// <param name="Catches">The cases that failed.</param>
/// <param name="Cases">How many cases ran to their end.</param>
/// <param name="Trouble">How it ended if not by itself: a crash or a timeout, or null.</param>
/// <param name="Elapsed">How long it took.</param>
internal sealed record ChildReport(IReadOnlyList<Catch> Catches, int Cases, string? Trouble, TimeSpan Elapsed);

/// <summary>Runs the suite of the test build in a process of its own, with one bug or none.</summary>
internal sealed class Child(Workshop workshop, Settings settings)
{
    /// <summary>Runs it to its end, or until it has said nothing for too long.</summary>
    public async Task<ChildReport> RunAsync(string? bug, string[] arguments, CancellationToken cancellationToken)
    {
        long started = TimeProvider.System.GetTimestamp();
        var start = new ProcessStartInfo("dotnet", [workshop.Program, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            Environment =
            {
                [Mutation.BugVariable] = bug ?? "",
                [Mutation.PatienceVariable] = settings.Patience.ToString(CultureInfo.InvariantCulture),
                ["TMPDIR"] = workshop.Temporary,
                ["DOTNET_GCHeapHardLimit"] = "0x60000000",
                ["DOTNET_DbgEnableMiniDump"] = "0",
            },
        };
        using var process = Process.Start(start) ?? throw new InvalidOperationException("The test build did not start.");
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        var (catches, cases, mode, seed, current, ended) = (new List<Catch>(), 0, "plain", 0, "", true);
        string? trouble = null;
        try
        {
            while (await process.StandardOutput.ReadLineAsync(cancellationToken).AsTask().WaitAsync(settings.Limit, TimeProvider.System, cancellationToken) is { } line)
            {
                switch (line.Split('\t'))
                {
                    case ["run", var m, var s]:
                        (mode, seed, ended) = (m, int.Parse(s, CultureInfo.InvariantCulture), false);
                        break;
                    case ["case", var name]:
                        current = name;
                        break;
                    case ["fail", var failed, var contract, var seen]:
                        catches.Add(new(failed, mode, seed, contract, seen));
                        break;
                    case ["end", var count, _]:
                        (cases, ended) = (cases + int.Parse(count, CultureInfo.InvariantCulture), true);
                        break;
                }
            }

            await process.WaitForExitAsync(cancellationToken);
            if (process.ExitCode is not (0 or 1) || (!ended && catches.Count == 0))
            {
                string[] said = (await errors).Split('\n', StringSplitOptions.RemoveEmptyEntries);
                trouble = $"crash ({mode}, seed {seed}, about {current}): {(said.Length > 0 ? said[0].Trim() : $"exit code {process.ExitCode}")}";
            }
        }
        catch (TimeoutException)
        {
            trouble = $"timeout ({mode}, seed {seed}, about {current}): nothing was heard for {settings.Limit.TotalSeconds} s";
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync(CancellationToken.None);
            }
        }

        return new(catches, cases, trouble, TimeProvider.System.GetElapsedTime(started));
    }
}
