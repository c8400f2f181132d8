using System.Globalization;
using System.Text;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>Runs generated sequences; makes one that fails as short and simple as it gets.</summary>
internal sealed class GeneratedRun(StoreHarness harness, IStore[] stores)
{
    private static readonly TimeSpan ShrinkTime = TimeSpan.FromSeconds(10);

    private int _runs;

    /// <summary>Runs the sequence of a seed.</summary>
    /// <exception cref="ConformanceException">The store does otherwise than the model; the message holds the shortest sequence that shows it.</exception>
    public async Task RunAsync(int seed, int length)
    {
        var steps = new StepGenerator(seed, harness.FollowsClock).Sequence(length);
        if (await TryAsync(steps).ConfigureAwait(false) is not { } failure)
        {
            return;
        }

        (steps, failure) = await ShrinkAsync(steps, failure).ConfigureAwait(false);
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"the store does otherwise than the model (seed {seed}), {failure}");
        for (int i = 0; i < steps.Count; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n    {i + 1}. {steps[i]}");
        }

        throw new ConformanceException(text.ToString());
    }

    private Task<string?> TryAsync(IReadOnlyList<GeneratedStep> steps) =>
        new StepRunner(harness, stores, string.Create(CultureInfo.InvariantCulture, $"g{++_runs}/")).RunAsync(steps);

    private async Task<(IReadOnlyList<GeneratedStep> Steps, string Failure)> ShrinkAsync(IReadOnlyList<GeneratedStep> steps, string failure)
    {
        long start = TimeProvider.System.GetTimestamp();
        bool IsOver() => TimeProvider.System.GetElapsedTime(start) > ShrinkTime;
        int before;
        do
        {
            before = steps.Sum(Size);
            var reduction = new Reduction<GeneratedStep>(steps);
            while (!IsOver() && reduction.Next() is { } candidate)
            {
                string? other = await TryAsync(candidate).ConfigureAwait(false);
                reduction.Report(candidate, other is not null);
                failure = other ?? failure;
            }

            steps = reduction.Current;
            for (int i = 0; i < steps.Count; i++)
            {
                // each success begins again with what the simpler step offers
                using var simpler = Simpler(steps[i]).GetEnumerator();
                var offers = simpler;
                while (!IsOver() && offers.MoveNext())
                {
                    IReadOnlyList<GeneratedStep> candidate = [.. steps.Take(i), offers.Current, .. steps.Skip(i + 1)];
                    if (await TryAsync(candidate).ConfigureAwait(false) is { } other)
                    {
                        (steps, failure) = (candidate, other);
                        offers = Simpler(steps[i]).GetEnumerator();
                    }
                }
            }
        }
        while (!IsOver() && steps.Sum(Size) < before);

        return (steps, failure);
    }

    private static int Size(GeneratedStep step) => step is CommitStep c
        ? 1 + step.Store + c.Conditions.Count + c.Writes.Sum(w => w.Key.Length + (w.Value?.Length ?? 0) + (w.Slot is null ? 1 : 2)) + c.Reads.Sum(r => r.Key.Length + (r.StartAfter?.Length ?? 0) + (r.Limit < int.MaxValue ? 2 : 1))
        : 1 + step.Store;

    private static IEnumerable<GeneratedStep> Simpler(GeneratedStep step)
    {
        if (step.Store > 0)
        {
            yield return step with { Store = 0 };
        }

        if (step is not CommitStep commit)
        {
            yield break;
        }

        foreach (var conditions in WithoutOne(commit.Conditions))
        {
            yield return commit with { Conditions = conditions };
        }

        foreach (var writes in WithoutOne(commit.Writes))
        {
            yield return commit with { Writes = writes };
        }

        foreach (var reads in WithoutOne(commit.Reads))
        {
            yield return commit with { Reads = reads };
        }

        foreach (var writes in WithOne(commit.Writes, SimplerWrites))
        {
            yield return commit with { Writes = writes };
        }

        foreach (var reads in WithOne(commit.Reads, SimplerReads))
        {
            yield return commit with { Reads = reads };
        }
    }

    private static IEnumerable<GeneratedWrite> SimplerWrites(GeneratedWrite write)
    {
        if (write.Slot is not null)
        {
            yield return write with { Slot = null };
        }

        if (write.Value?.Length > 1)
        {
            yield return write with { Value = "v" };
        }

        if (write.Key.Length > 1)
        {
            yield return write with { Key = "k" };
        }
    }

    private static IEnumerable<GeneratedRead> SimplerReads(GeneratedRead read)
    {
        if (read.StartAfter is not null)
        {
            yield return read with { StartAfter = null };
        }

        if (read is { IsScan: true, Limit: < int.MaxValue })
        {
            yield return read with { Limit = int.MaxValue };
        }

        if (read is { IsScan: true, Key.Length: > 0 })
        {
            yield return read with { Key = "" };
        }
    }

    private static IEnumerable<IReadOnlyList<T>> WithoutOne<T>(IReadOnlyList<T> items)
    {
        for (int i = 0; i < items.Count; i++)
        {
            yield return [.. items.Take(i), .. items.Skip(i + 1)];
        }
    }

    private static IEnumerable<IReadOnlyList<GeneratedWrite>> WithOne(IReadOnlyList<GeneratedWrite> items, Func<GeneratedWrite, IEnumerable<GeneratedWrite>> simpler) =>
        Replace(items, simpler).Where(writes => writes.DistinctBy(w => w.Key).Count() == writes.Count);

    private static IEnumerable<IReadOnlyList<GeneratedRead>> WithOne(IReadOnlyList<GeneratedRead> items, Func<GeneratedRead, IEnumerable<GeneratedRead>> simpler) => Replace(items, simpler);

    private static IEnumerable<IReadOnlyList<T>> Replace<T>(IReadOnlyList<T> items, Func<T, IEnumerable<T>> simpler)
    {
        for (int i = 0; i < items.Count; i++)
        {
            foreach (var other in simpler(items[i]))
            {
                yield return [.. items.Take(i), other, .. items.Skip(i + 1)];
            }
        }
    }
}
