using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ToolConformance
{
    private const string Rounds = "Barrier: everybody waits until all participants have arrived, then all go on, with the same number; again and again.";
    private const string NotArrived = "Barrier: one that cancels or ends while it waits has not arrived; another number of participants is a RuleMismatchException for who comes later.";
    private const string Arrivals = "barrier/x/";

    /// <summary>Six participants of three clients; nobody is ahead by a round.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AllGoOnTogetherRoundByRound(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        const int participants = 6;
        int rounds = rig.IsPlain ? 10 : 5;
        var clients = new[] { rig.Client(), rig.Client(), rig.Client() };
        int[] arriving = new int[rounds];
        var parties = Enumerable.Range(0, participants).Select(i => Task.Run(async () =>
        {
            var barrier = clients[i % clients.Length].Client.Barrier("x", participants);
            var random = new Random((harness.Seed * 1000) + i);
            for (int round = 0; round < rounds; round++)
            {
                await PauseAsync(random).ConfigureAwait(false);
                Interlocked.Increment(ref arriving[round]);
                Check.Equal(round + 1, await barrier.SignalAndWaitAsync().ConfigureAwait(false), "the number of the round that was completed");
                Check.Equal(participants, Volatile.Read(ref arriving[round]), $"who had arrived when round {round + 1} was completed");
            }
        })).ToArray();
        await rig.SoonAsync(Task.WhenAll(parties), "all rounds are completed").ConfigureAwait(false);
        await rig.ContendersBecomeAsync(0, Arrivals).ConfigureAwait(false);
    });

    /// <summary>Alone.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ABarrierOfOneNeverWaits(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        for (int round = 1; round <= 3; round++)
        {
            Check.Equal(round, await ArriveAsync(rig, round % 2 == 0 ? two : one, 1).ConfigureAwait(false), "the number of a round of one participant");
            Check.Equal(0, await ArrivedAsync(rig, one).ConfigureAwait(false), "arrivals for the next round");
        }
    });

    /// <summary>None, less than none, and too many.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ImpossibleNumbersOfParticipantsAreRefused(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        foreach (int n in (int[])[0, -1, int.MinValue, DistributedBarrier.MaxParticipants + 1])
        {
            await RefusedAsync<ArgumentOutOfRangeException>(() => client.Client.Barrier("x", n), $"a barrier of {n} participants").ConfigureAwait(false);
        }

        Check.Equal(DistributedBarrier.MaxParticipants, client.Client.Barrier("x", DistributedBarrier.MaxParticipants).Participants, "the most participants");
        using var cancelled = new CancellationTokenSource();
        await CancelledAsync(rig, cancelled, client.Client.Barrier("x", 2).SignalAndWaitAsync(cancelled.Token).AsTask()).ConfigureAwait(false);
        await rig.ContendersBecomeAsync(0, Arrivals).ConfigureAwait(false);
    });

    /// <summary>Applied or not.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ARoundWhoseAnswerIsLostIsCompletedOnce(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        int round = 0;
        foreach (var (applied, times) in ((bool, int)[])[(true, 1), (false, 1), (true, 3), (false, 3)])
        {
            foreach (var client in (RigClient[])[one, two])
            {
                client.LoseAnswers(t => t.Writes.Any(w => w.Key == Arrivals + "round"), applied, times);
            }

            var first = ArriveAsync(rig, one, 2);
            var second = ArriveAsync(rig, two, 2);
            round++;
            Check.Equal((round, round), (await first.ConfigureAwait(false), await second.ConfigureAwait(false)), $"the number of a round whose answer was lost {times} times, {(applied ? "applied" : "not applied")}");
        }
    });

    /// <summary>It left, whatever it did before.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhoCancelsHasNotArrived(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        using var cancel = new CancellationTokenSource();
        var gone = one.Client.Barrier("x", 2).SignalAndWaitAsync(cancel.Token).AsTask();
        await rig.ContendersAsync(1, Arrivals).ConfigureAwait(false);
        Check.Equal(1, await ArrivedAsync(rig, two).ConfigureAwait(false), "arrivals while one waits");
        await CancelledAsync(rig, cancel, gone).ConfigureAwait(false);
        await rig.ContendersBecomeAsync(0, Arrivals).ConfigureAwait(false);
        var waits = ArriveAsync(rig, two, 2);
        await rig.ContendersAsync(1, Arrivals).ConfigureAwait(false);
        Check.That(!waits.IsCompleted, "who cancelled does not complete a round");
        Check.Equal(1, await ArriveAsync(rig, one, 2).ConfigureAwait(false), "the number of the round that both wait for");
        Check.Equal(1, await waits.ConfigureAwait(false), "the number of the round, for the other one");
    });

    /// <summary>Its place went with the session; it takes another one.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WhoseSessionEndsWhileItWaitsArrivesAgain(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var waits = one.Client.Barrier("x", 2).SignalAndWaitAsync().AsTask();
        await rig.ContendersAsync(1, Arrivals).ConfigureAwait(false);
        string first = (await rig.EntriesAsync(Arrivals).ConfigureAwait(false)).Single().Key;
        await rig.Behind.CloseSessionAsync((await rig.EntriesAsync(Arrivals).ConfigureAwait(false)).Single().Session!.Value).ConfigureAwait(false);
        await rig.UntilAsync(async () => (await rig.EntriesAsync(Arrivals).ConfigureAwait(false)).Any(e => e.Key != first), "who waited arrives again").ConfigureAwait(false);
        Check.That(!waits.IsCompleted, "one of two does not complete a round by arriving twice");
        Check.Equal(1, await ArriveAsync(rig, two, 2).ConfigureAwait(false), "the number of the round");
        Check.Equal(1, await rig.EventuallyAsync(waits, "who arrived again goes on").ConfigureAwait(false), "the number of the round, for who arrived twice");
    });

    /// <summary>An error for who comes later, peace for who waits.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AnotherNumberOfParticipantsIsRefusedForWhoComesLater(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var waits = one.Client.Barrier("x", 2).SignalAndWaitAsync().AsTask();
        await rig.ContendersAsync(1, Arrivals).ConfigureAwait(false);
        foreach (int n in (int[])[1, 3, 100])
        {
            var error = await Check.ThrowsAsync<RuleMismatchException>(() => ArriveAsync(rig, two, n), $"an arrival with {n} participants").ConfigureAwait(false);
            Check.That(error.Message.Contains("2 participants", StringComparison.Ordinal), $"the message names the number of the others: {error.Message}");
            await rig.ContendersBecomeAsync(1, Arrivals).ConfigureAwait(false);
        }

        Check.That(!waits.IsCompleted, "who waits is not disturbed by another number");
        Check.Equal(1, await ArriveAsync(rig, two, 2).ConfigureAwait(false), "the number of the round");
        Check.Equal(1, await rig.SoonAsync(waits, "who waits goes on").ConfigureAwait(false), "the number of the round, for who was not disturbed");
        Check.Equal(2, await ArriveAsync(rig, two, 1).ConfigureAwait(false), "the number of the next round, which nobody else waits for");
    });

    /// <summary>Whoever is about to learn that it does not belong there completes no round for those who do.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AnArrivalWithAnotherNumberOfParticipantsIsNotCounted(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var waits = one.Client.Barrier("x", 2).SignalAndWaitAsync().AsTask();
        await rig.ContendersAsync(1, Arrivals).ConfigureAwait(false);
        _ = await two.AcquireAsync("warm").ConfigureAwait(false);
        var (joined, hold) = (rig.NewHold(), rig.NewHold());
        two.Store.OnCommit = async (transaction, next) =>
        {
            // it stands there, and has not looked around yet
            if (joined.Task.IsCompleted)
            {
                await hold.Task.ConfigureAwait(false);
            }

            var result = await next().ConfigureAwait(false);
            if (InterceptedStore.IsJoin(transaction))
            {
                joined.TrySetResult();
            }

            return result;
        };
        int before = one.Store.Commits;
        var other = two.Client.Barrier("x", 3).SignalAndWaitAsync().AsTask();
        await rig.SoonAsync(joined.Task, "the other one joins").ConfigureAwait(false);
        await rig.SoonUntilAsync(() => one.Store.Commits > before && (one.Store.PendingWaits > 0 || waits.IsCompleted), "who waits has looked").ConfigureAwait(false);
        Check.That((await rig.EntriesAsync(Arrivals).ConfigureAwait(false)).All(e => e.Key != Arrivals + "round"), "no round is completed by an arrival with another number of participants");
        hold.SetResult();
        _ = await Check.ThrowsAsync<RuleMismatchException>(() => rig.EventuallyAsync(other, "an arrival with another number ends"), "an arrival with another number").ConfigureAwait(false);
        Check.That(!waits.IsCompleted, "who waits is not let on by an arrival with another number");
        Check.Equal(1, await ArriveAsync(rig, two, 2).ConfigureAwait(false), "the number of the round");
        Check.Equal(1, await rig.SoonAsync(waits, "who waits goes on").ConfigureAwait(false), "the number of the round, for who was not disturbed");
    });

    private static async Task<long> ArriveAsync(ClaimRig rig, RigClient client, int participants) =>
        await rig.EventuallyAsync(client.Client.Barrier("x", participants).SignalAndWaitAsync().AsTask(), "a round is completed").ConfigureAwait(false);

    private static Task<int> ArrivedAsync(ClaimRig rig, RigClient client) =>
        rig.EventuallyAsync(PatientlyAsync(rig, () => client.Client.Barrier("x", 2).GetArrivedAsync()), "arrivals are read");
}
