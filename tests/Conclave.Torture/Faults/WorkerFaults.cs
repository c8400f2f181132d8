using Conclave.Servers;

namespace Conclave.Torture;

/// <summary>What can be done to a worker, and to its way to the servers.</summary>
internal static class WorkerFaults
{
    /// <param name="worker">The worker.</param>
    /// <param name="replace">Kills it and starts another one in its place.</param>
    /// <param name="arena">The engine.</param>
    /// <param name="random">For what is drawn.</param>
    public static IEnumerable<Fault> Of(WorkerProcess worker, Func<Task> replace, Arena arena, Random random)
    {
        TimeSpan Some(double from, double to) => arena.TimeToLive * (from + (random.NextDouble() * (to - from)));

        yield return Fault.During("worker stopped", Some(0.2, 3), worker.Stop, worker.Continue) with { Exclusive = worker };
        yield return new("worker killed", TimeSpan.Zero, replace) { Exclusive = worker };
        yield return Starved(worker, Some(0.5, 2));
        if (worker.Clock is { } clock)
        {
            yield return Fault.During("worker's wall clock stepped", Some(0.5, 2), () => clock.Step(TimeSpan.FromHours(random.Next(2) == 0 ? 1 : -1)), () => clock.Step(TimeSpan.Zero)) with { IsHarmless = true };
        }

        foreach (var fault in worker.Proxies.Count == 0 ? [] : NetworkFaults.Of(worker.Proxies, () => worker.Grants, Some))
        {
            yield return fault;
        }
    }

    // it ends by itself in the worker, and what is recorded ends with it. Renewals need no thread of the pool but for an answer from a network
    private static Fault Starved(WorkerProcess worker, TimeSpan span) =>
        Fault.During("worker's thread pool starved", span, () => worker.Starve(span), () => { }) with { SparesSessions = worker.Proxies.Count == 0 };
}
