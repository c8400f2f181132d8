using System.Collections.Concurrent;

namespace Conclave.Testing;

/// <summary>What a run of the kit saw.</summary>
public sealed class ConformanceReport
{
    private readonly ConformanceOptions _options;
    private readonly ConcurrentQueue<ConformanceException> _failures = [];
    private readonly int[] _faults = new int[Enum.GetValues<ChaosFault>().Length];
    private readonly long _started = TimeProvider.System.GetTimestamp();
    private int _cases;

    internal ConformanceReport(ConformanceOptions options) => _options = options;

    /// <summary>How many cases ran.</summary>
    public int Cases => Volatile.Read(ref _cases);

    /// <summary>The cases that failed, with what they saw.</summary>
    public IReadOnlyCollection<ConformanceException> Failures => _failures;

    /// <summary>True when cases ran and none failed.</summary>
    public bool Passed => Cases > 0 && _failures.IsEmpty;

    /// <summary>How often chaos did what, over all cases: a run that met no fault of a kind has not shown that the kind is survived.</summary>
    /// <param name="fault">The kind of fault.</param>
    public int Faults(ChaosFault fault) => Volatile.Read(ref _faults[(int)fault]);

    /// <summary>One line that counts.</summary>
    public override string ToString()
    {
        string chaos = _options.Chaos ? $" through chaos (seed {_options.Seed}: {string.Join(", ", Enum.GetValues<ChaosFault>().Select(f => $"{f} {Faults(f)}"))})" : "";
        return $"{Cases - _failures.Count} passed, {_failures.Count} failed in {TimeProvider.System.GetElapsedTime(_started).TotalSeconds:F1} s{chaos}";
    }

    /// <summary>Runs one case on a harness of its own.</summary>
    /// <returns>The failure, or null.</returns>
    internal async Task<ConformanceException?> RunAsync(ConformanceCase theCase, Func<StoreHarness> newHarness)
    {
        try
        {
            var harness = newHarness();
            await using (harness.ConfigureAwait(false))
            {
                harness.Seed = _options.Seed;
                harness.IsChaotic = _options.Chaos;
                try
                {
                    await theCase.RunAsync(harness).WaitAsync(_options.CaseTimeout, TimeProvider.System).ConfigureAwait(false);
                }
                finally
                {
                    foreach (var fault in Enum.GetValues<ChaosFault>())
                    {
                        Interlocked.Add(ref _faults[(int)fault], harness.Faults(fault));
                    }
                }
            }

            return null;
        }
        catch (Exception e)
        {
            var failure = e as ConformanceException ?? new ConformanceException(theCase, e);
            _failures.Enqueue(failure);
            return failure;
        }
        finally
        {
            Interlocked.Increment(ref _cases);
        }
    }
}
