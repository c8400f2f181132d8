using Conclave.Storage;

namespace Conclave.Testing;

public static partial class ToolConformance
{
    private const string RunsOnce = "Election: a run leads, cancels the work on loss, waits for it to stop within a budget, and campaigns again; never two works in one process.";

    private static readonly LeadOptions AtOnce = new() { Value = Bytes("runs"), FirstPause = TimeSpan.Zero, LongestPause = TimeSpan.Zero };

    /// <summary>It returns, or fails, with the work.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task RunningLeadsUntilTheWorkEndsAndResigns(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var (begun, hold) = (rig.NewHold(), rig.NewHold());
        var run = Election(one).RunAsync(
            async (leadership, _) =>
            {
                leadership.ThrowIfLost();
                begun.SetResult();
                await hold.Task.ConfigureAwait(false);
            },
            AtOnce);
        await rig.SoonAsync(begun.Task, "the work begins").ConfigureAwait(false);
        Check.Equal("runs", await LeaderAsync(rig, two).ConfigureAwait(false), "the leader while its work runs");
        await FailsAsync(rig, Election(two).TryCampaignAsync(), "a try while the work runs").ConfigureAwait(false);
        Check.That(!run.IsCompleted, "a run lasts as long as its work");
        hold.SetResult();
        await rig.SoonAsync(run, "a run ends with its work").ConfigureAwait(false);
        await rig.ContendersAsync(0, Candidates).ConfigureAwait(false);

        // what the work throws is the run's end too
        var error = await Check.ThrowsAsync<FormatException>(
            () => rig.SoonAsync(Election(one).RunAsync((_, _) => throw new FormatException("the work's own"), AtOnce), "a run ends with its work"), "a run whose work fails").ConfigureAwait(false);
        Check.Equal("the work's own", error.Message, "the error of a run whose work fails");
        await rig.ContendersBecomeAsync(0, Candidates).ConfigureAwait(false);
    });

    /// <summary>Lost again and again, begun once more each time, never two at a time; also when the work returns quietly, or fails, after the loss.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AfterALossTheWorkIsStoppedAwaitedAndBegunAgain(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        const int losses = 3;
        var client = rig.Client();
        var (works, most, begun) = (0, 0, 0);
        var tokens = new List<FencingToken>();
        var stops = Enumerable.Range(0, losses).Select(_ => rig.NewHold()).ToArray();
        int cancelled = 0;
        Leadership? present = null;
        var run = Election(client).RunAsync(
            async (leadership, lead) =>
            {
                most = Math.Max(most, Interlocked.Increment(ref works));
                tokens.Add(leadership.Token);
                Volatile.Write(ref present, leadership);
                int turn = Interlocked.Increment(ref begun) - 1;
                try
                {
                    if (turn < losses)
                    {
                        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, lead).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                        Interlocked.Increment(ref cancelled);

                        // slow to stop
                        await stops[turn].Task.ConfigureAwait(false);
                        switch (turn)
                        {
                            case 0:
                                lead.ThrowIfCancellationRequested();
                                break;
                            case 1:
                                throw new FormatException("what the work meets because it leads no more");
                        }
                    }
                }
                finally
                {
                    Interlocked.Decrement(ref works);
                }
            },
            AtOnce with { StopTimeout = TimeSpan.FromDays(1) });
        for (int i = 0; i < losses; i++)
        {
            await rig.UntilAsync(() => Volatile.Read(ref begun) == i + 1, "the work begins").ConfigureAwait(false);
            await rig.KillAsync(present!, "leader").ConfigureAwait(false);
            await rig.UntilAsync(() => Volatile.Read(ref cancelled) == i + 1, "the work is cancelled by the loss").ConfigureAwait(false);
            await rig.PassAsync(TimeSpan.FromMilliseconds(500), () => Check.Equal((1, i + 1), (Volatile.Read(ref works), Volatile.Read(ref begun)), "works while one is slow to stop, and how many have begun")).ConfigureAwait(false);
            Check.That((await rig.EntriesAsync(Candidates).ConfigureAwait(false)).IsEmpty, "nobody campaigns before the work has stopped");
            stops[i].SetResult();
        }

        await rig.EventuallyAsync(run, "a run ends with its work").ConfigureAwait(false);
        Check.Equal((losses + 1, 1), (begun, most), "how often the work began, and how many ran at a time");
        Check.That(tokens.SequenceEqual(tokens.Order()) && tokens.Distinct().Count() == tokens.Count, $"tokens rise: {string.Join(", ", tokens)}");
    });

    /// <summary>A typed end, and no second one of it.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WorkThatDoesNotStopInTimeEndsTheRun(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var client = rig.Client();
        var (begun, hold) = (rig.NewHold(), rig.NewHold());
        int works = 0;
        Leadership? present = null;
        var run = Election(client).RunAsync(
            async (leadership, _) =>
            {
                Interlocked.Increment(ref works);
                present = leadership;
                begun.TrySetResult();
                await hold.Task.ConfigureAwait(false);
            },
            AtOnce with { StopTimeout = TimeSpan.FromSeconds(1) });
        await rig.SoonAsync(begun.Task, "the work begins").ConfigureAwait(false);
        await rig.KillAsync(present!, "leader").ConfigureAwait(false);
        _ = await Check.ThrowsAsync<TimeoutException>(() => rig.EventuallyAsync(run, "a run ends"), "a run whose work does not stop").ConfigureAwait(false);
        Check.Equal(1, works, "how often the work began");
        await rig.ContendersBecomeAsync(0, Candidates).ConfigureAwait(false);
        hold.SetResult();
    });

    /// <summary>While it leads, and while it waits.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task CancellingARunStopsTheWorkAndResigns(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var (one, two) = (rig.Client(), rig.Client());
        var (begun, stop) = (rig.NewHold(), rig.NewHold());
        using var cancel = new CancellationTokenSource();
        bool stillLed = false;
        var run = Election(one).RunAsync(
            async (leadership, lead) =>
            {
                begun.SetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, lead).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await stop.Task.ConfigureAwait(false);
                stillLed = leadership.IsHeld;
                lead.ThrowIfCancellationRequested();
            },
            AtOnce with { StopTimeout = TimeSpan.FromDays(1) },
            cancel.Token);
        await rig.SoonAsync(begun.Task, "the work begins").ConfigureAwait(false);

        // who waits and is cancelled never begins
        using var other = new CancellationTokenSource();
        var waits = Election(two).RunAsync((_, _) => throw new ConformanceException("two lead"), AtOnce, other.Token);
        await rig.ContendersAsync(2, Candidates).ConfigureAwait(false);
        await CancelledAsync(rig, other, waits).ConfigureAwait(false);
        await rig.ContendersBecomeAsync(1, Candidates).ConfigureAwait(false);
        await cancel.CancelAsync().ConfigureAwait(false);
        await rig.ContendersAsync(1, Candidates).ConfigureAwait(false);
        Check.That(!run.IsCompleted, "a run that is cancelled waits for its work");
        stop.SetResult();
        _ = await Check.ThrowsAsync<OperationCanceledException>(() => rig.SoonAsync(run, "a run that is cancelled ends"), "a run that is cancelled").ConfigureAwait(false);
        Check.That(stillLed, "a run that is cancelled leads until its work has stopped");
        await rig.ContendersBecomeAsync(0, Candidates).ConfigureAwait(false);
    });

    /// <summary>Named, and at once.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task SettingsOfARunThatCannotBeAreRefused(StoreHarness harness) => ClaimRig.RunAsync(harness, async rig =>
    {
        var election = Election(rig.Client());
        foreach (var options in (LeadOptions[])
        [
            new() { StopTimeout = TimeSpan.Zero }, new() { StopTimeout = TimeSpan.MaxValue }, new() { FlapWindow = TimeSpan.FromSeconds(-1) },
            new() { FirstPause = TimeSpan.FromSeconds(-1) }, new() { LongestPause = TimeSpan.Zero },
        ])
        {
            await RefusedAsync<ArgumentOutOfRangeException>(() => _ = election.RunAsync((_, _) => Task.CompletedTask, options), $"a run with {options}").ConfigureAwait(false);
        }

        await RefusedAsync<ArgumentNullException>(() => _ = election.RunAsync(null!), "a run without work").ConfigureAwait(false);
        Check.That((await rig.EntriesAsync(Candidates).ConfigureAwait(false)).IsEmpty, "nobody campaigns with what was refused");
    });
}
