namespace Conclave.Testing;

/// <summary>
/// The whole kit: every case, against one store. A store is right when it passes plain and through chaos.
/// </summary>
public static class ConformanceKit
{
    /// <summary>All cases, in the order of the contract.</summary>
    public static IReadOnlyList<ConformanceCase> Cases { get; } = [.. StoreConformance.Cases, .. HistoryConformance.Cases, .. ClaimConformance.Cases, .. ToolConformance.Cases, .. OwnershipConformance.Cases];

    /// <summary>Runs the cases and writes a line for each that failed, and a last one that counts them.</summary>
    /// <param name="newHarness">Makes a harness for one case, on an empty namespace of its own. Called concurrently.</param>
    /// <param name="output">Where to write, for example <see cref="Console.Out"/>.</param>
    /// <param name="options">Which cases, how; or null for all of them, plain.</param>
    /// <param name="cancellationToken">Ends the run after the cases that are under way.</param>
    /// <returns>What happened.</returns>
    public static async Task<ConformanceReport> RunAsync(
        Func<StoreHarness> newHarness, TextWriter output, ConformanceOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(newHarness);
        ArgumentNullException.ThrowIfNull(output);
        options ??= new();
        var report = new ConformanceReport(options);
        var cases = Cases.Where(c => options.Filter?.Invoke(c) ?? true);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Parallelism, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(cases, parallel, async (theCase, _) =>
        {
            if (options.StopAtFirstFailure && report.Failures.Count > 0)
            {
                return;
            }

            var failure = await report.RunAsync(theCase, newHarness).ConfigureAwait(false);
            if (failure is not null)
            {
                lock (output)
                {
                    output.WriteLine(failure.Message);
                }
            }
        }).ConfigureAwait(false);

        output.WriteLine(report.ToString());
        return report;
    }
}
