namespace Conclave.Testing;

public static partial class ClaimConformance
{
    /// <summary>Four clients, twelve workers, three names, in real time with the shortest time to live.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task RandomTrafficNeverLetsTwoIn(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        // renewals are few in a short run: let many of them fail
        var clients = Enumerable.Range(0, 4).Select(_ => rig.Client(chaos: o => o with { RefusedRenewals = 0.3 })).ToArray();
        var traffic = new Traffic(rig, clients, sessionsEnd: false);
        var kinds = Enum.GetValues<ChaosFault>().Where(f => f != ChaosFault.SessionEnded).ToArray();
        await rig.SoonAsync(
            traffic.RunAsync(12, 25, () => traffic.IsContended && (rig.IsPlain || kinds.All(f => harness.Faults(f) > 0)), harness.Patience / 2), "everybody is served").ConfigureAwait(false);
        traffic.CheckOrder();
        CheckStrength(rig, traffic, grants: 12 * 25, kinds);
    }, realTime: true);

    /// <summary>
    /// The same while sessions are ended from outside. Their holders cannot know until the next renewal, so two may believe for a moment:
    /// that is what tokens are for.
    /// </summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task RandomTrafficWhileSessionsEndKeepsTokensRising(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var clients = Enumerable.Range(0, 4).Select(_ => rig.Client(sessionsEnded: 0.5)).ToArray();
        var traffic = new Traffic(rig, clients, sessionsEnd: true);
        int killed = 0;
        bool IsStrong() => traffic.IsContended && (rig.IsPlain ? Volatile.Read(ref killed) >= 5 : harness.Faults(ChaosFault.SessionEnded) >= 2);
        var run = traffic.RunAsync(12, 15, IsStrong, harness.Patience / 2);
        var random = new Random(harness.Seed);
        while (rig.IsPlain && !run.IsCompleted)
        {
            // whoever holds or waits: all of its places go at once
            var anybody = await rig.EntriesAsync("lock/").ConfigureAwait(false);
            if (!anybody.IsEmpty && killed < 20)
            {
                await rig.Behind.CloseSessionAsync(anybody[random.Next(anybody.Length)].Session!.Value).ConfigureAwait(false);
                Interlocked.Increment(ref killed);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System).ConfigureAwait(false);
        }

        await rig.SoonAsync(run, "everybody is served").ConfigureAwait(false);
        traffic.CheckOrder();
        Check.That(IsStrong(), $"too weak: {killed} sessions were ended by the case, {harness.Faults(ChaosFault.SessionEnded)} by chaos");
        CheckStrength(rig, traffic, grants: 12 * 15, [ChaosFault.SessionEnded]);
    }, realTime: true);

    private static void CheckStrength(ClaimRig rig, Traffic traffic, int grants, IEnumerable<ChaosFault> kinds)
    {
        Check.That(traffic.Grants >= grants, $"too weak: {traffic.Grants} grants instead of {grants}");
        Check.That(traffic.IsContended, $"too weak: only {traffic.Waits} of {traffic.Grants} grants had to wait");
        foreach (var fault in kinds)
        {
            Check.That(rig.IsPlain || rig.Harness.Faults(fault) > 0, $"too weak: no {fault} in the run");
        }
    }
}
