using Conclave.Servers;

namespace Conclave.Torture;

/// <summary>What can be done to a worker's way to the servers.</summary>
internal static class NetworkFaults
{
    private static readonly TimeSpan Blink = TimeSpan.FromMilliseconds(20);

    /// <param name="proxies">The way.</param>
    /// <param name="grants">How many claims its worker was granted so far.</param>
    /// <param name="some">A time between two shares of the time to live.</param>
    public static IEnumerable<Fault> Of(IReadOnlyList<FaultProxy> proxies, Func<int> grants, Func<double, double, TimeSpan> some)
    {
        // drawn here: what runs later runs beside the one who draws
        var (late, delay, jitter, answer, firstAnswer) = (some(0.01, 0.5), some(0.01, 0.3), some(0, 0.1), some(0.1, 0.9), some(0.18, 0.25));

        var cut = some(1.2, 1.6);

        // in time for a renewal, which is given up after a sixth of the time to live, or not
        answer = some(0, 1) < some(0.5, 0.5) ? some(0.1, 0.16) : answer;
        yield return During("worker cut off", some(0.3, 2), p => p.Drop());
        yield return During("worker hears nothing", some(0.3, 2), p => p.Drop(Direction.ToClient));
        yield return During("worker is not heard", some(0.3, 2), p => p.Drop(Direction.ToServer));
        yield return During("worker's bytes held", some(0.3, 1.5), p => p.Hold());
        yield return During("worker delayed", some(0.5, 2), p => p.Delay(delay, jitter));
        yield return Fault.At("worker's connections reset", () => Each(p => p.Reset())) with { IsHarmless = true };

        yield return Fault.At("worker's connections forgotten", () => Each(p => p.Forget()));

        // what is under way is lost again and again, on one way or the other, and the session goes on
        yield return Again("worker's answers lost", some(0.3, 2), () => BlinkAsync(Direction.ToClient));
        yield return Again("worker's requests lost", some(0.3, 2), () => BlinkAsync(Direction.ToServer));
        yield return Again("worker's requests late", some(0.3, 2), StrandAsync);
        yield return Sequence("worker's answers late, then nothing", () =>
        [
            (TimeSpan.FromMilliseconds(1), p => p.Delay(answer, only: Direction.ToClient)),
            (some(0.8, 1.6), p => p.Drop(Direction.ToServer)),
            (some(1, 2), p => p.Restore()),
        ]);

        // opens a session while answers are late, takes something, and is not heard from then on: it has not renewed the session yet
        yield return Running("worker comes back to late answers, then nothing", (cut * 2) + (firstAnswer * 4), async over =>
        {
            Each(p => p.Drop());
            await WaitAsync(cut, over);
            int before = grants();
            Each(p =>
            {
                p.Restore();
                p.Delay(firstAnswer, only: Direction.ToClient);
            });
            for (long since = TimeProvider.System.GetTimestamp(); grants() == before && TimeProvider.System.GetElapsedTime(since) < firstAnswer * 4 && !over.IsCancellationRequested;)
            {
                await WaitAsync(Blink / 4, over);
            }

            Each(p => p.Drop(Direction.ToServer));
        });
        yield return During("worker silent for a moment", some(0.1, 0.25), p => p.Drop()) with { IsSpecial = true, IsHarmless = true };
        yield return During("worker cut off for long", TimeSpan.FromSeconds(40), p => p.Drop()) with { IsSpecial = true };

        Fault During(string kind, TimeSpan span, Action<FaultProxy> act) => Fault.During(kind, span, () => Each(act), () => Each(p => p.Restore())) with { Exclusive = proxies };

        Fault Again(string kind, TimeSpan span, Func<Task> act) => Running(kind, span, async over =>
        {
            while (!over.IsCancellationRequested)
            {
                await act();
                await WaitAsync(Blink * (1 + (3 * Random.Shared.NextDouble())), over);
            }
        });

        Fault Sequence(string kind, Func<(TimeSpan After, Action<FaultProxy> Act)[]> steps)
        {
            var all = steps();
            return Running(kind, all.Aggregate(TimeSpan.Zero, (sum, step) => sum + step.After), async over =>
            {
                foreach (var (after, act) in all)
                {
                    await WaitAsync(after, over);
                    Each(act);
                }
            });
        }

        Fault Running(string kind, TimeSpan span, Func<CancellationToken, Task> run)
        {
            var over = new CancellationTokenSource();
            var running = Task.CompletedTask;
            return new(
                kind,
                span,
                () =>
                {
                    running = run(over.Token);
                    return Task.CompletedTask;
                },
                async () =>
                {
                    await over.CancelAsync();
                    await running;
                    over.Dispose();
                    Each(p => p.Restore());
                })
            { Exclusive = proxies };
        }

        async Task BlinkAsync(Direction direction)
        {
            Each(p => p.Drop(direction));
            await WaitAsync(Blink * Random.Shared.NextDouble(), CancellationToken.None);
            Each(p => p.Restore());
        }

        async Task StrandAsync()
        {
            Each(p => p.Hold(Direction.ToServer));
            await WaitAsync(Blink * Random.Shared.NextDouble(), CancellationToken.None);
            Each(p =>
            {
                p.Strand(late);
                p.Restore();
            });
        }

        void Each(Action<FaultProxy> act)
        {
            foreach (var proxy in proxies)
            {
                act(proxy);
            }
        }
    }

    private static Task WaitAsync(TimeSpan span, CancellationToken over) =>
        Task.Delay(span, TimeProvider.System, over).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
