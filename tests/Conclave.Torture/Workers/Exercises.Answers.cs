using Conclave.Ownership;

namespace Conclave.Torture;

/// <summary>Exercises whose answers can be judged by the worker itself: what a release says, what a loss says, what a short wait leaves behind.</summary>
internal sealed partial class Exercises
{
    // also for a pool that was starved meanwhile
    private static readonly TimeSpan SignalPatience = TimeSpan.FromSeconds(15);

    // a renewal comes every third of the time to live, at most ten seconds here
    private static readonly TimeSpan RenewalPatience = TimeSpan.FromSeconds(12);

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(20);

    private Claim? _anchor;
    private Claim? _sure;
    private int _taken;
    private int _alone;

    /// <summary>Leads until it has led for long enough, or as long as it is allowed to: who loses the leadership campaigns again by itself.</summary>
    private async Task RunAsync(CancellationToken finish)
    {
        Leadership? last = null;
        bool enough = false;
        await client.Election("run").RunAsync(
            async (leadership, stopped) =>
            {
                last = leadership;
                journal.Tell($"did run");
                for (int i = random.Next(5) == 0 ? 40 : 2; i > 0 && !stopped.IsCancellationRequested; i--)
                {
                    await Task.Delay(Step, TimeProvider.System, CancellationToken.None);
                }

                enough = !stopped.IsCancellationRequested;
            },
            new() { FirstPause = Step, LongestPause = Step * 10 },
            finish);
        if (!enough && !finish.IsCancellationRequested)
        {
            journal.Wrong("run", $"a run ended although its work did not end by itself ({last?.State})");
        }
    }

    /// <summary>
    /// Two clients, a name that nobody else wants: one holds, the other one is sent away by its timeout or its token, more than once; then it gets its turn.
    /// </summary>
    private async Task TryAsync(CancellationToken finish)
    {
        finish.ThrowIfCancellationRequested();
        string name = $"mine{Environment.ProcessId}-{random.Next(2)}";
        var held = await client.Lock(name).AcquireAsync(CancellationToken.None);
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            await GiveUpAsync(second.Lock(name), held);
        }

        // two of the same process: the turn and the cancellation meet
        using (var cancelled = new CancellationTokenSource())
        {
            var other = client.Lock(name).AcquireAsync(cancelled.Token).AsTask();
            var release = DisposeAsync(held);
            await cancelled.CancelAsync();
            await DisposeQuietlyAsync(other);
            await release;
        }

        // shows whether what was given up is gone
        await DisposeAsync(await second.Lock(name).AcquireAsync(CancellationToken.None));
        journal.Tell($"did try");
        await PauseAsync(30);
    }

    /// <summary>A name that nobody else wants and nobody has ever wanted: the store answers, or the operation timeout ends the acquire.</summary>
    private async Task AloneAsync(CancellationToken finish)
    {
        finish.ThrowIfCancellationRequested();
        long called = journal.Now;
        try
        {
            await DisposeAsync(await client.Lock($"alone{Environment.ProcessId}-{_alone++}").AcquireAsync(CancellationToken.None));
            journal.Tell($"did alone");
        }
        finally
        {
            // a process that is stopped, and a store that says how long it refuses, take their time
            double took = (journal.Now - called) / 1e9;
            double longest = ((2 * OperationTimeout) + (timeToLive * 4)).TotalSeconds;
            if (took > longest)
            {
                journal.Wrong("waits", $"to take and release a name that nobody wants took {took:0.0} s; the operation timeout is {OperationTimeout.TotalSeconds:0} s");
            }
        }

        await PauseAsync(60);
    }

    /// <summary>One client follows the other at a name that nobody else wants and nobody gives up.</summary>
    private async Task FollowAsync(CancellationToken finish)
    {
        finish.ThrowIfCancellationRequested();
        string name = $"follow{Environment.ProcessId}";
        _anchor = await HeldAsync(_anchor, second, "anchor");
        _sure = await HeldAsync(_sure, client, "sure");
        bool? wasReleased = await ReleaseAsync(await second.Lock(name).AcquireAsync(CancellationToken.None));
        if (wasReleased == false && _anchor is { IsHeld: true } anchor)
        {
            // unless the session has just ended at the store, which its next renewals tell
            await Task.Delay(RenewalPatience, TimeProvider.System, CancellationToken.None);
            if (anchor.IsHeld)
            {
                journal.Wrong("release", $"a release says that the claim had been lost, and its session lives on");
            }
        }

        // a clock that is disturbed makes a client unsure, and then it takes nothing
        bool isSure = _sure.IsHeld;
        if (await client.Lock(name).TryAcquireAsync(cancellationToken: CancellationToken.None) is { } next)
        {
            await DisposeAsync(next);
        }
        else if (wasReleased == true && isSure && _sure.IsHeld && ++_taken > 1)
        {
            journal.Wrong("release", $"'{name}' was still taken after a release that was confirmed, {_taken} times");
        }

        journal.Tell($"did follow");
        await PauseAsync(30);
    }

    /// <summary>A claim that is held as long as its client's session lives.</summary>
    private static async Task<Claim> HeldAsync(Claim? claim, ConclaveClient of, string name)
    {
        if (claim?.IsHeld == true)
        {
            return claim;
        }

        await (claim?.DisposeAsync() ?? default);
        return await of.Lock($"{name}{Environment.ProcessId}").AcquireAsync(CancellationToken.None);
    }

    /// <summary>Waits a little for what somebody else holds.</summary>
    private async Task GiveUpAsync(DistributedLock theLock, Claim held)
    {
        var patience = TimeSpan.FromMilliseconds(random.Next(60));
        if (random.Next(2) == 0)
        {
            if (await theLock.TryAcquireAsync(patience, CancellationToken.None) is { } claim)
            {
                bool wasHeld = held.IsHeld;
                await claim.DisposeAsync();
                if (wasHeld)
                {
                    journal.Wrong("mutual exclusion", $"'{theLock.Name}' was given away while it was held");
                }
            }

            return;
        }

        using var cancelled = new CancellationTokenSource(patience, TimeProvider.System);
        await DisposeQuietlyAsync(theLock.AcquireAsync(cancelled.Token).AsTask());
    }

    private static async Task DisposeQuietlyAsync(Task<Claim> acquire)
    {
        try
        {
            await (await acquire).DisposeAsync();
        }
        catch (OperationCanceledException)
        {
            // as it was told to
        }
    }

    /// <summary>Releases a claim, and judges what the release says.</summary>
    /// <returns>What it said; null when it was not confirmed in time.</returns>
    private async Task<bool?> ReleaseAsync(Claim claim)
    {
        bool isLost = claim.State == ClaimState.Lost;
        var (begun, safe) = (journal.Now, claim.SafeTime);
        bool wasOurs;
        try
        {
            // as most users do; it says nothing, and the release says afterwards what came of it
            if (random.Next(3) == 0)
            {
                await DisposeAsync(claim);
            }

            wasOurs = await claim.ReleaseAsync(CancellationToken.None);
        }
        catch (StoreUnavailableException)
        {
            // goes on in the background
            return null;
        }

        if (isLost && wasOurs)
        {
            journal.Wrong("release", $"the release of a claim that was lost says that it was ours");
        }

        if (wasOurs && claim.Lost.IsCancellationRequested && (journal.Now - begun) / 1e9 < safe.TotalSeconds)
        {
            journal.Wrong("loss signal", $"a claim that was released tells of a loss");
        }

        return wasOurs;
    }

    /// <summary>A claim is lost: its signal must come, and it must stay lost. Half of those who lose one forget to dispose it, and nobody may have to wait for that.</summary>
    private async Task LostAsync(long id, Claim claim)
    {
        long since = journal.Now;
        while (!claim.Lost.IsCancellationRequested && (journal.Now - since) / 1e9 < SignalPatience.TotalSeconds)
        {
            await Task.Delay(Step, TimeProvider.System);
        }

        if (!claim.Lost.IsCancellationRequested)
        {
            journal.Wrong("loss signal", $"a claim was lost, and {SignalPatience.TotalSeconds:0} s later its signal had not come");
        }

        // an answer that was under way may still come: to a renewal, after a sixth of the time to live
        long lost = journal.Now;
        while ((journal.Now - lost) / 1e9 < Math.Max(0.4, timeToLive.TotalSeconds / 6) && !Look(id, claim))
        {
            await Task.Delay(Step, TimeProvider.System);
        }

        if (random.Next(2) == 0)
        {
            await ReleaseAsync(claim);
        }
    }

    private async Task DisposeAsync(Claim claim)
    {
        try
        {
            await claim.DisposeAsync();
        }
        catch (Exception e)
        {
            journal.Wrong("release", $"disposing a claim threw {e.GetType().Name}: {e.Message}");
        }
    }
}
