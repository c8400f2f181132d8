using Conclave.Servers;

namespace Conclave.Torture;

/// <summary>What can be done to a worker, and to its way to the servers.</summary>
internal static class WorkerFaults
{
    /// <param name="worker">The worker.</param>
    /// <param name="replace">Kills it and starts another one in its place.</param>
    /// <param name="timeToLive">Of its session.</param>
    /// <param name="random">For what is drawn.</param>
    public static IEnumerable<Fault> Of(WorkerProcess worker, Func<Task> replace, TimeSpan timeToLive, Random random)
    {
        TimeSpan Some(double from, double to) => timeToLive * (from + (random.NextDouble() * (to - from)));

        yield return Fault.During("worker stopped", Some(0.2, 3), worker.Stop, worker.Continue) with { Exclusive = worker };
        yield return new("worker killed", TimeSpan.Zero, replace) { Exclusive = worker };
        yield return Starved(worker, Some(0.5, 2));
        if (worker.Clock is { } clock)
        {
            yield return Fault.During("worker's wall clock stepped", Some(0.5, 2), () => clock.Step(TimeSpan.FromHours(random.Next(2) == 0 ? 1 : -1)), () => clock.Step(TimeSpan.Zero));
        }

        if (worker.Proxies.Count == 0)
        {
            yield break;
        }

        yield return Network("worker cut off", Some(0.3, 2), p => p.Drop());
        yield return Network("worker hears nothing", Some(0.3, 2), p => p.Drop(Direction.ToClient));
        yield return Network("worker is not heard", Some(0.3, 2), p => p.Drop(Direction.ToServer));
        yield return Network("worker's bytes held", Some(0.3, 1.5), p => p.Hold());
        yield return Network("worker delayed", Some(0.5, 2), p => p.Delay(Some(0.01, 0.3), Some(0, 0.1)));
        yield return Fault.At("worker's connections reset", () => Each(p => p.Reset()));

        Fault Network(string kind, TimeSpan span, Action<FaultProxy> act) => Fault.During(kind, span, () => Each(act), () => Each(p => p.Restore())) with { Exclusive = worker.Proxies };

        void Each(Action<FaultProxy> act)
        {
            foreach (var proxy in worker.Proxies)
            {
                act(proxy);
            }
        }
    }

    // it ends by itself in the worker, and what is recorded ends with it
    private static Fault Starved(WorkerProcess worker, TimeSpan span) => Fault.During("worker's thread pool starved", span, () => worker.Starve(span), () => { });
}
