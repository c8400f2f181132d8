using Conclave.Storage;
using Conclave.Timekeeping;

namespace Conclave.Testing;

/// <summary>Clocks that are told how wrong they are, of clients of their own, in one group.</summary>
internal sealed class ClockRig(ClaimRig rig)
{
    private readonly Dictionary<ClockMembership, (RigClient Client, ManualClock Clock)> _clocks = [];

    /// <summary>Runs a case, at the end of which all clocks leave.</summary>
    public static Task RunAsync(StoreHarness harness, Func<ClaimRig, ClockRig, Task> body) => ClaimRig.RunAsync(harness, async rig =>
    {
        var clocks = new ClockRig(rig);
        await body(rig, clocks).ConfigureAwait(false);
        foreach (var membership in clocks._clocks.Keys)
        {
            await rig.EventuallyAsync(membership.DisposeAsync().AsTask(), "a clock leaves").ConfigureAwait(false);
        }
    });

    /// <summary>A clock joins.</summary>
    /// <param name="name">Its name in the reports.</param>
    /// <param name="offset">How far it is ahead of the truth.</param>
    /// <param name="uncertainty">The bound that it claims; null if it claims none.</param>
    public async Task<ClockMembership> JoinAsync(string name, TimeSpan offset, TimeSpan? uncertainty)
    {
        var client = rig.Client();
        var clock = new ManualClock(rig.Clock);
        Set(clock, offset, uncertainty);
        var options = new ClockGroupOptions { Label = name, Interval = Timeout.InfiniteTimeSpan, AnswerTimeout = rig.Harness.FollowsClock ? TimeSpan.FromSeconds(1) : TimeSpan.FromMilliseconds(250) };
        var membership = await rig.EventuallyAsync(client.Client.Clocks("x").JoinAsync(clock, options).AsTask(), $"the clock '{name}' joins").ConfigureAwait(false);
        _clocks.Add(membership, (client, clock));
        return membership;
    }

    public void Set(ClockMembership membership, TimeSpan offset, TimeSpan uncertainty) => Set(_clocks[membership].Clock, offset, uncertainty);

    /// <summary>Compares until the comparison says this: who is slow is told to be silent, and asked again.</summary>
    public async Task<ClockReport> ReportsAsync(ClockMembership member, string expected)
    {
        string seen = "nothing";
        ClockReport? report = null;
        Task<ClockReport>? asking = null;
        try
        {
            await rig.UntilAsync(
                async () =>
                {
                    asking ??= member.CompareAsync().AsTask();
                    if (!asking.IsCompleted)
                    {
                        return false;
                    }

                    try
                    {
                        report = await asking.ConfigureAwait(false);
                        seen = string.Join(' ', report.Clocks.Select(c => $"{c.Name}:{c.Verdict}"));
                    }
                    catch (ConclaveException e) when (e.IsTransient && !rig.IsPlain)
                    {
                        seen = e.Message;
                    }

                    asking = null;
                    return seen == expected;
                },
                $"'{expected}' is reported").ConfigureAwait(false);
        }
        catch (ConformanceException e)
        {
            throw new ConformanceException($"{e.Message}; it was '{seen}'", e);
        }

        return report!;
    }

    /// <summary>Ends the session of a clock, as if it had expired.</summary>
    public async Task KillAsync(ClockMembership member)
    {
        string key = $"group/{StoreNames.Escape("clocks/x")}/{member.Id}";
        var session = (await rig.EntriesAsync(key).ConfigureAwait(false)).Single().Session!.Value;
        await rig.EventuallyAsync(rig.Behind.CloseSessionAsync(session).AsTask(), "a session ends").ConfigureAwait(false);
    }

    private void Set(ManualClock clock, TimeSpan offset, TimeSpan? uncertainty)
    {
        clock.Set(rig.Clock.GetUtcNow() + offset, uncertainty ?? TimeSpan.Zero);
        if (uncertainty is null)
        {
            clock.Lose(ClockState.Untrusted);
        }
    }
}
