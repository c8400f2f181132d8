using Conclave.Timekeeping;

namespace Conclave.Testing;

public static partial class ToolConformance
{
    private const string Skew = "Clocks: a clock that cannot be right if the majority is, is reported to all, and nobody else is.";
    private const string ClocksStay = "Clocks: a clock whose session ends is gone with it, and joins again by itself.";

    /// <summary>Three that are right to different degrees, and one after another asks.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task ClocksThatAgreeAreToldToAgree(StoreHarness harness) => ClockRig.RunAsync(harness, async (rig, clocks) =>
    {
        var one = await clocks.JoinAsync("one", TimeSpan.Zero, TimeSpan.FromMilliseconds(1)).ConfigureAwait(false);
        var two = await clocks.JoinAsync("two", TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(2)).ConfigureAwait(false);
        _ = await clocks.JoinAsync("three", TimeSpan.FromMinutes(-10), TimeSpan.FromMinutes(11)).ConfigureAwait(false);
        await clocks.ReportsAsync(one, "one:Agrees two:Agrees three:Agrees").ConfigureAwait(false);
        var report = await clocks.ReportsAsync(two, "one:Agrees two:Agrees three:Agrees").ConfigureAwait(false);
        Check.That(report.HasMajority && !report.Skewed.Any(), "a majority agrees, and nobody is skewed");
        Check.Equal(false, two.IsSkewed, "whether a clock that agrees is skewed");
        Check.That(report.Find(two.Id) is { Offset: var offset } && offset == TimeSpan.Zero, "who compares is not ahead of itself");
        Check.That(report.Clocks.All(c => c.Uncertainty is not null && c.Resolution is not null), "each clock is told with its bound and how well it could be compared");
    });

    /// <summary>One of three is an hour ahead, and then an hour behind; who compares may be the one.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AClockThatCannotBeRightIsReportedToEverybody(StoreHarness harness) => ClockRig.RunAsync(harness, async (rig, clocks) =>
    {
        var one = await clocks.JoinAsync("one", TimeSpan.Zero, TimeSpan.FromMilliseconds(10)).ConfigureAwait(false);
        var bad = await clocks.JoinAsync("bad", TimeSpan.FromHours(1), TimeSpan.FromMilliseconds(10)).ConfigureAwait(false);
        var three = await clocks.JoinAsync("three", TimeSpan.Zero, TimeSpan.FromMilliseconds(10)).ConfigureAwait(false);
        var report = await clocks.ReportsAsync(one, "one:Agrees bad:Skewed three:Agrees").ConfigureAwait(false);
        Check.That(report.Skewed.Single() is { Apart: var ahead, Offset: var offset } && ahead > TimeSpan.FromMinutes(50) && offset > TimeSpan.FromMinutes(50), "a clock that is an hour ahead is told to be");
        foreach (var member in (ClockMembership[])[one, bad, three])
        {
            await rig.UntilAsync(() => member.IsSkewed == (member == bad), "everybody is told who is skewed").ConfigureAwait(false);
        }

        clocks.Set(bad, TimeSpan.FromHours(-1), TimeSpan.FromMilliseconds(10));
        report = await clocks.ReportsAsync(bad, "one:Agrees bad:Skewed three:Agrees").ConfigureAwait(false);
        Check.That(report.Skewed.Single() is { Apart: var behind } && behind < TimeSpan.FromMinutes(-50), "a clock that is an hour behind is told to be");

        clocks.Set(bad, TimeSpan.Zero, TimeSpan.FromMilliseconds(10));
        await clocks.ReportsAsync(three, "one:Agrees bad:Agrees three:Agrees").ConfigureAwait(false);
        await rig.UntilAsync(() => bad.IsSkewed == false, "a clock that was set right is told to agree").ConfigureAwait(false);
    });

    /// <summary>Two that contradict each other.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task WithoutAMajorityNoClockIsBlamed(StoreHarness harness) => ClockRig.RunAsync(harness, async (rig, clocks) =>
    {
        var one = await clocks.JoinAsync("one", TimeSpan.Zero, TimeSpan.FromMilliseconds(10)).ConfigureAwait(false);
        var two = await clocks.JoinAsync("two", TimeSpan.FromHours(1), TimeSpan.FromMilliseconds(10)).ConfigureAwait(false);
        var report = await clocks.ReportsAsync(one, "one:Undecided two:Undecided").ConfigureAwait(false);
        Check.That(!report.HasMajority, "one of two is no majority");
        await rig.UntilAsync(() => two.Report is not null, "everybody is told").ConfigureAwait(false);
        Check.Equal(null, two.IsSkewed, "whether a clock is skewed when there is no majority");
    });

    /// <summary>One that claims nothing, and a member of the group that is no clock.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AClockWithoutABoundIsNotBlamedAndWhoDoesNotAnswerIsNamed(StoreHarness harness) => ClockRig.RunAsync(harness, async (rig, clocks) =>
    {
        var stranger = rig.Client();
        _ = await TakeAsync(rig, stranger.Client.Group("clocks/x").JoinAsync(Bytes("I am no clock"))).ConfigureAwait(false);
        var one = await clocks.JoinAsync("one", TimeSpan.Zero, TimeSpan.FromMilliseconds(10)).ConfigureAwait(false);
        _ = await clocks.JoinAsync("vague", TimeSpan.FromHours(5), null).ConfigureAwait(false);
        var report = await clocks.ReportsAsync(one, "one:Agrees vague:NoBound").ConfigureAwait(false);
        Check.That(report.Clocks[1] is { Uncertainty: null, Offset: var offset } && offset > TimeSpan.FromHours(4), "also a clock without a bound is told by how much it is ahead");

        // published as a clock would, by nobody who answers
        var mute = await TakeAsync(rig, stranger.Client.Group("clocks/x").JoinAsync(Bytes("""{"version":1,"name":"mute","time":1,"below":-1,"above":-1,"seen":[]}"""))).ConfigureAwait(false);
        await clocks.ReportsAsync(one, "one:Agrees vague:NoBound mute:Silent").ConfigureAwait(false);
        await ReleaseAsync(rig, mute).ConfigureAwait(false);
    });

    /// <summary>And is compared again.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static Task AClockWhoseSessionEndsJoinsAgain(StoreHarness harness) => ClockRig.RunAsync(harness, async (rig, clocks) =>
    {
        var one = await clocks.JoinAsync("one", TimeSpan.Zero, TimeSpan.FromMilliseconds(10)).ConfigureAwait(false);
        var two = await clocks.JoinAsync("two", TimeSpan.Zero, TimeSpan.FromMilliseconds(10)).ConfigureAwait(false);
        string before = two.Id;
        await clocks.KillAsync(two).ConfigureAwait(false);
        await rig.UntilAsync(() => two.Id != before, "a clock whose session ended joins again").ConfigureAwait(false);
        await clocks.ReportsAsync(one, "one:Agrees two:Agrees").ConfigureAwait(false);
    });
}
