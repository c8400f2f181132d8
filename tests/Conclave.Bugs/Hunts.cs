namespace Conclave.Bugs;

/// <summary>
/// Which of the bugs concern real processes, and where each is looked for; and why the others do not. Every bug is in one of the two lists.
/// </summary>
internal static class Hunts
{
    private const string Api = "what a call answers to its own caller, whatever processes do";
    private const string OneProcess = "inside one process";
    private const string ByHand = "only what somebody puts by hand could show it: none of Conclave's processes writes an entry of another";

    /// <summary>The hunts, by the bug's name.</summary>
    public static IReadOnlyDictionary<string, Hunt> All { get; } = new Dictionary<string, Hunt>(StringComparer.Ordinal)
    {
        // tokens
        ["token-counted-by-the-client"] = On("redis", "lock", "worker killed"),
        ["epoch-ignored"] = On("redis", "lock", "epoch raised"),
        ["epoch-of-the-join"] = On("redis", "lock", "epoch raised"),

        // the queue
        ["permits-wake-the-herd"] = On("redis", "semaphore", "epoch raised", workers: 20),
        ["permits-are-not-announced"] = On("redis", "semaphore", "epoch raised", 8, "--calm", "20s"),
        ["permits-are-announced-with-a-new-entry"] = On("etcd", "semaphore", "worker's requests late", workers: 8),
        ["quiet-work-ends-the-run"] = On("redis", "run", "worker stopped"),
        ["phantom-grant"] = On("redis", "lock", "session ended by hand"),
        ["queue-in-the-order-of-keys"] = On("redis", "lock"),
        ["thundering-herd"] = On("redis", "leader", "epoch raised", workers: 20),
        ["spinning-wait"] = On("redis", "lock leader", "epoch raised"),
        ["polling-wait"] = On("redis", "lock leader", "epoch raised"),
        ["silence-is-believed"] = On("redis", "hold", "epoch raised", workers: 6),
        ["wait-from-now"] = On("redis", "lock leader", "epoch raised", 8, "--calm", "30s"),
        ["timeout-ignored"] = On("redis", "try", "epoch raised"),
        ["outage-ends-the-wait"] = On("etcd", "lock leader", "server killed"),
        ["no-second-join"] = On("redis", "lock leader", "worker stopped"),

        // joining and leaving
        ["join-without-the-gate"] = On("redis", "lock try", "worker's requests late"),
        ["settling-puts-nothing"] = On("redis", "lock try", "worker's requests late"),
        ["unknown-join-forgotten"] = On("redis", "lock try", "worker's answers lost"),
        ["ghost-of-a-cancelled-join"] = On("redis", "try", "worker's requests late; worker's answers lost; worker delayed"),
        ["cancelled-waiter-stays"] = On("redis", "try", "epoch raised"),
        ["timed-out-waiter-stays"] = On("redis", "try", "epoch raised"),
        ["leave-not-repeated"] = On("redis", "lock try", "worker's requests lost"),
        ["leave-given-up"] = On("redis", "lock try", "worker's requests lost; worker's answers lost"),
        ["leave-not-awaited"] = On("redis", "follow", "worker delayed"),
        ["release-deletes-the-head"] = On("redis", "lock", "worker's answers lost; worker stopped"),
        ["release-of-what-was-touched"] = On("redis", "semaphore", "worker's answers lost"),
        ["claim-number-reused"] = On("redis", "semaphore", "epoch raised"),
        ["release-of-lost-says-ours"] = On("redis", "lock", "session ended by hand; worker stopped"),
        ["release-of-unknown-says-lost"] = On("redis", "follow", "worker's answers lost"),
        ["dispose-throws"] = On("redis", "hold lock", "worker cut off for long", "--ttl", "30s", "--duration", "60s"),
        ["operation-timeout-ignored"] = On("redis", "alone", "worker cut off for long"),

        // turns within a process: what a crash or an outage leaves of them
        ["local-gate-kept-by-the-cancelled"] = On("redis", "try", "epoch raised"),
        ["local-gate-kept-by-the-timed-out"] = On("redis", "try", "epoch raised"),
        ["local-turn-lost"] = On("sqlite", "try", "worker's thread pool starved"),
        ["local-gate-kept-by-the-lost"] = On("redis", "lock", "worker stopped"),

        // sessions
        ["open-counts-from-the-answer"] = On("etcd", "hold", "worker comes back to late answers, then nothing", 4, "--ttl", "10s", "--duration", "300s"),
        ["renewal-counts-from-the-answer"] = On("etcd", "hold", "worker's answers late, then nothing", "--ttl", "10s", "--duration", "120s"),
        ["late-renewal-revives"] = On("redis", "hold", "worker's bytes held", 6, "--ttl", "12s", "--pace", "3s", "--duration", "180s"),
        ["held-by-the-timer"] = On("sqlite", "lock leader", "worker stopped"),
        ["wall-clock-jump-kills"] = On("redis", "lock leader", "worker's wall clock stepped", "--profile", "liveness"),
        ["gone-but-believed"] = On("redis", "leader", "session ended by hand"),
        ["renewal-given-up"] = On("redis", "hold lock leader", "worker silent for a moment", "--profile", "liveness"),
        ["renews-too-often"] = On("redis", "lock", "epoch raised"),
        ["lost-never-fires"] = On("redis", "lock leader", "worker stopped"),
        ["lost-fires-on-release"] = On("redis", "lock", "epoch raised"),
        ["dispose-leaves-the-session"] = On("etcd", "lock", "epoch raised"),
        ["lost-session-used-on"] = On("redis", "lock", "worker stopped"),
        ["session-per-acquire"] = On("redis", "lock", "epoch raised"),

        // maps, counters, ownership
        ["map-update-overwrites"] = On("redis", "map", "worker stopped"),
        ["change-without-its-mark"] = On("redis", "map", "worker's requests late"),
        ["change-that-landed-counts-as-refused"] = On("redis", "map counter", "worker's answers lost"),
        ["ownership-by-wall-clock"] = On("redis", "ownership", "worker's wall clock stepped", "--profile", "liveness"),

        // hints, which all engines share
        ["hints-forget-what-was"] = On("redis", "lock leader", "epoch raised", "--calm", "20s"),
        ["hints-wake-everybody"] = On("redis", "lock leader semaphore", "epoch raised", workers: 12),
        ["hints-know-keys-only"] = On("redis", "semaphore", "epoch raised"),

        // SQLite
        ["sqlite-touches-nothing"] = On("sqlite", "leader", "epoch raised", "--prompt", "0.1s"),
        ["sqlite-conditions-outside"] = On("sqlite", "map counter", "worker stopped"),
        ["sqlite-revisions-begin-anew"] = On("sqlite", "lock", "worker killed"),
        ["sqlite-renewal-is-short"] = On("sqlite", "hold", "worker stopped", "--duration", "60s"),
        ["sqlite-closed-session-lives"] = On("sqlite", "leader", "session ended by hand"),
        ["sqlite-dead-session-accepted"] = On("sqlite", "map counter", "session ended by hand; worker killed"),
        ["sqlite-wall-clock"] = On("sqlite", "lock leader", "worker's wall clock stepped"),
    };

    /// <summary>Why a bug does not concern real processes; null for one that does.</summary>
    public static string? Excuse(Bug bug) =>
        All.ContainsKey(bug.Name) ? null
        : Excuses.TryGetValue(bug.Name, out string? excuse) ? excuse
        : bug.Name.StartsWith("memory-", StringComparison.Ordinal) ? "a MemoryStore is one process's own"
        : throw new MutationException($"{bug.Name}: say in Hunts where real processes meet it, or why they do not.");

    private static Dictionary<string, string> Excuses { get; } = new(StringComparer.Ordinal)
    {
        ["token-of-the-answer"] = "tokens rise all the same: they differ from those of other programs only, such as etcdctl",
        ["token-of-the-last-change"] = ByHand,
        ["judged-from-two-answers"] = "the session must end within one round trip, and then nobody can tell it from a grant whose answer was under way",
        ["rule-mismatch-ignored"] = Api,
        ["renewal-hangs"] = "the connections of every engine have time limits of their own, and end what hangs",
        ["sqlite-announces-before-the-commit"] = "another process takes longer to wake up than the commit to be visible",
        ["session-gone-but-waiting"] = "a waiter hears of it after five seconds at the latest, which is within every bound",
        ["local-gate-lifo"] = OneProcess,
        ["no-local-gate"] = OneProcess,
        ["no-margin"] = "the processes of one machine have one clock; the margin is for two that drift",
        ["wall-clock-jump-ignored"] = "a virtual machine that was paused, and its clocks with it, cannot be had in a process",
        ["never-at-risk"] = Api,
        ["map-stops-at-the-unchanged"] = Api,
        ["map-page-from-the-first"] = Api,
        ["map-names-meet"] = Api,
        ["map-watch-misses-what-is-gone"] = Api,
        ["refused-change-may-land"] = "it needs a key that is created, deleted and created again between a request and its late copy; the sums of the exercises only grow",
        ["hints-forget-what-is-old"] = "hundreds of changes between a reading and the wait; a hint that is missed costs five seconds, which is within every bound",
        ["hints-wake-one"] = "the tools of a process wait once for each name; only its own watchers of the same map or election wait together",
        ["hints-without-end"] = "no hint is lost for ever that the next change does not make good",
        ["hints-ignore-cancellation"] = "the wait ends with the next hint, within every bound",
        ["keys-in-the-order-of-utf16"] = Api,
        ["limits-one-too-few"] = Api,
        ["ownership-own-record-unknown"] = "its owner waits until the record has stood still, which is within every bound",
        ["ownership-released-while-refreshed"] = "others wait until the record has stood still, which is within every bound",
        ["ownership-blind-release"] = "two owners for a moment are what mostly-correct ownership allows",
        ["ownership-place-forgotten"] = "whoever stands behind it removes a place that has stood still, which is within every bound",
        ["ownership-not-handed-over"] = "who is next is no promise of mostly-correct ownership",
        ["sqlite-renewal-revives"] = "only before anybody has looked: then nobody else had been let in",
        ["sqlite-keys-ignore-case"] = Api,
        ["sqlite-keys-in-the-order-of-utf16"] = Api,
        ["sqlite-reads-show-the-dead"] = "only until anybody writes, and under torture somebody always does",
        ["sqlite-session-closes-in-steps"] = "who sees a part of it waits a little longer",
        ["sqlite-dispose-leaves-the-waiters"] = Api,
        ["sqlite-entry-changes-its-session"] = ByHand,
        ["sqlite-absent-delete-counts"] = "it wakes somebody once more now and then",
        ["sqlite-journal-gap-is-silent"] = "a waiter that lags so far behind looks by itself after a second, which is within every bound",
    };

    private static Hunt On(string engine, string exercises, string? faults = null, params string[] more) => On(engine, exercises, faults, 5, more);

    private static Hunt On(string engine, string exercises, string? faults, int workers, params string[] more) => new(
        engine,
        [
            "--workers", $"{workers}", "--duration", "30s", "--first", .. exercises.Split(' ').SelectMany(e => (string[])["--exercise", e]),
            .. (faults?.Split("; ") ?? []).SelectMany(f => (string[])["--fault", f]), .. more,
        ]);
}
