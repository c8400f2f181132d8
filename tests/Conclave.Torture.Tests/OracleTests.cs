namespace Conclave.Torture.Tests;

/// <summary>Histories that are good, and histories that are bad in one way: the oracles must tell them apart.</summary>
public sealed class OracleTests
{
    [Fact]
    public void A_good_history_has_no_violation()
    {
        var history = Told(
            (1, "grant 1 lock x 1 10 0 100"), (1, "look 1 110"), (1, "look 1 190"), (1, "end 1 200 released"),
            (2, "grant 1 lock x 1 20 50 210"), (2, "look 1 220"), (2, "end 1 230 released"),
            (1, "grant 2 semaphore s 2 30 0 100"), (1, "look 2 110"), (1, "look 2 300"), (1, "end 2 310 released"),
            (2, "grant 2 semaphore s 1 31 0 100"), (2, "look 2 120"), (2, "look 2 300"), (2, "end 2 310 released"));

        Assert.Empty(ClaimOracles.Check(history.Holds));
        var handOver = Assert.Single(ClaimOracles.HandOvers(history.Holds));
        Assert.Equal(("x", 190L, 210L), (handOver.Name, handOver.From, handOver.To));
    }

    [Theory]
    [InlineData("lock")]
    [InlineData("leader")]
    public void Two_that_believe_at_the_same_moment_are_found(string kind)
    {
        var history = Told(
            (1, $"grant 1 {kind} x 1 10 0 100"), (1, "look 1 110"), (1, "look 1 215"), (1, "end 1 230 released"),
            (2, $"grant 1 {kind} x 1 20 50 210"), (2, "look 1 212"), (2, "end 1 230 released"));

        var violation = Assert.Single(ClaimOracles.Check(history.Holds));
        Assert.Equal("mutual exclusion", violation.Oracle);
        Assert.Contains("workers 1 (token 10) and 2 (token 20)", violation.What, StringComparison.Ordinal);
    }

    [Fact]
    public void Who_was_killed_is_believed_until_its_last_look()
    {
        var history = Told(
            (1, "grant 1 lock x 1 10 0 100"), (1, "look 1 110"), (1, "look 1 150"),
            (2, "grant 1 lock x 1 20 50 160"), (2, "look 1 170"));
        Assert.Empty(ClaimOracles.Check(history.Holds));
    }

    [Fact]
    public void A_claim_in_which_nobody_ever_believed_overlaps_with_none()
    {
        var history = Told((1, "grant 1 lock x 1 10 0 100"), (1, "end 1 300 lost"), (2, "grant 1 lock x 1 20 50 90"), (2, "look 1 95"), (2, "look 1 290"));
        Assert.Empty(ClaimOracles.Check(history.Holds));
    }

    [Fact]
    public void A_token_that_falls_or_comes_twice_is_found()
    {
        var falls = Told((1, "grant 1 lock x 1 20 0 100"), (2, "grant 1 lock x 1 10 150 200"));
        Assert.Contains("asked after token 20", Assert.Single(ClaimOracles.Check(falls.Holds)).What, StringComparison.Ordinal);

        var twice = Told((1, "grant 1 lock x 1 20 0 100"), (2, "grant 1 lock x 1 20 50 200"));
        Assert.Contains("was granted 2 times", Assert.Single(ClaimOracles.Check(twice.Holds)).What, StringComparison.Ordinal);
    }

    [Fact]
    public void One_permit_too_many_is_found()
    {
        var history = Told(
            (1, "grant 1 semaphore s 2 10 0 100"), (1, "look 1 110"), (1, "look 1 190"),
            (2, "grant 1 semaphore s 2 20 50 150"), (2, "look 1 160"), (2, "look 1 170"));
        Assert.Equal("permits", Assert.Single(ClaimOracles.Check(history.Holds)).Oracle);
    }

    [Theory]
    [InlineData("end 1 230 lost forgotten", "leader stopped", 180, true)]
    [InlineData("lost 1 225 0 forgotten", "leader stopped", 180, true)]
    [InlineData("end 1 230 lost", "leader stopped", 180, false)]
    [InlineData("end 1 230 released", "leader stopped", 180, false)]
    [InlineData("end 1 230 lost forgotten", "leader killed", 180, false)]
    [InlineData("end 1 230 lost forgotten", "leader stopped", 240, false)]
    [InlineData("end 1 230 lost forgotten", "leader stopped", -2_000_000_000, false)]
    public void Only_a_session_that_was_forgotten_right_after_such_a_fault_explains_an_overlap(string end, string fault, long ended, bool explained)
    {
        foreach (var (kind, weight) in ((string, int)[])[("lock", 1), ("semaphore", 2)])
        {
            var history = Told(
                (1, $"grant 1 {kind} x {weight} 10 0 100"), (1, "look 1 110"), (1, "look 1 215"), (1, end),
                (2, $"grant 1 {kind} x {weight} 20 50 210"), (2, "look 1 212"), (2, "end 1 230 released"));
            var violation = Assert.Single(ClaimOracles.Check(history.Holds));
            Assert.Equal(explained, EarlyEnds.Explain(violation, [new(fault, null, ended - 100, ended)], TimeSpan.FromSeconds(2), ["leader stopped"]));
            Assert.False(EarlyEnds.Explain(violation, [new(fault, null, ended - 100, ended)], TimeSpan.FromSeconds(2), []));
        }
    }

    [Theory]
    [InlineData("end 1 230 released", false)]
    [InlineData("gone 1", true)]
    public void A_session_that_was_ended_by_hand_explains_what_its_holder_heard_of_later(string end, bool explained)
    {
        var history = Told(
            (1, "grant 1 lock x 1 10 0 100"), (1, "look 1 110"), (1, "look 1 215"), (1, end),
            (2, "grant 1 lock x 1 20 50 210"), (2, "look 1 212"), (2, "look 1 214"), (2, "end 1 230 released"));
        var violation = Assert.Single(ClaimOracles.Check(history.Holds));

        // the next one may be let in before the one who ended the session knows that he has
        Assert.Equal(explained, EarlyEnds.Explain(violation, [new(StoreFaults.EndedByHand, null, 205, 300)], TimeSpan.FromSeconds(2), [StoreFaults.EndedByHand]));
        Assert.False(EarlyEnds.Explain(violation, [new(StoreFaults.EndedByHand, null, 205, 300)], TimeSpan.Zero, [StoreFaults.EndedByHand]));
        Assert.False(EarlyEnds.Explain(violation, [new(StoreFaults.EndedByHand, null, 213, 300)], TimeSpan.FromSeconds(2), [StoreFaults.EndedByHand]));
    }

    [Fact]
    public void Who_is_let_in_after_the_epoch_was_raised_has_a_token_of_it()
    {
        long raised = 7L << 48;
        var history = Told(
            (1, "grant 1 lock x 1 10 0 100"), (1, "look 1 110"), (1, "look 1 190"), (1, "end 1 200 released"),
            (2, $"grant 1 lock x 1 {raised + 20} 50 210"), (2, "look 1 220"), (2, "end 1 230 released"),
            (3, $"grant 1 lock x 1 {raised + 30} 50 240"), (3, "look 1 250"), (3, "end 1 260 released"));

        // before the last look of the one before: then the next was let in after it
        Assert.Empty(ClaimOracles.Epochs(history.Holds, []));
        Assert.Empty(ClaimOracles.Epochs(history.Holds, [(7, 150)]));
        Assert.Empty(ClaimOracles.Epochs(history.Holds, [(7, 150), (8, 225)]));
        Assert.Contains("epoch 8 had come", Assert.Single(ClaimOracles.Epochs(history.Holds, [(7, 150), (8, 215)])).What, StringComparison.Ordinal);
    }

    [Fact]
    public void Waiting_longer_than_it_takes_is_found_for_locks_and_for_permits()
    {
        foreach (long late in (long[])[20_000_000, 500_000_000])
        {
            const long hold = 30_000_000;
            var lines = new List<(int Worker, string Line)>();
            long at = 1000;
            for (int i = 1; i <= 40; i++)
            {
                // three hold one permit each, and the lock beside; who is next asked before anybody let go
                long granted = at + late;
                string kind = i % 2 == 0 ? "lock l 1" : "semaphore s 3";
                lines.AddRange([(i, $"grant 1 {kind} {i} 0 {granted}"), (i, $"look 1 {granted}"), (i, $"look 1 {granted + hold}"), (i, $"end 1 {granted + hold} released")]);
                at += i % 2 == 0 ? late + hold : 0;
            }

            var holds = Told([.. lines]).Holds;
            var found = CostOracles.Check(default, 3, 5, TimeSpan.FromSeconds(2), holds, 0, TimeSpan.FromSeconds(0.25)).ToArray();
            Assert.Equal(late > 250_000_000 ? 2 : 0, found.Length);
            Assert.True(CostOracles.HasEnough(holds, 0));
            Assert.False(CostOracles.HasEnough(holds, at));
        }
    }

    [Fact]
    public void Too_many_commits_wake_ups_and_renewals_are_found()
    {
        Assert.Empty(Costs(new(400, 100, 25, 100)));
        Assert.Contains("9.0 commits", Assert.Single(Costs(new(900, 100, 25, 100))).What, StringComparison.Ordinal);
        Assert.Contains("9.0 wake-ups", Assert.Single(Costs(new(400, 900, 25, 100))).What, StringComparison.Ordinal);
        Assert.Contains("100 renewals", Assert.Single(Costs(new(400, 100, 100, 100))).What, StringComparison.Ordinal);

        static IEnumerable<Violation> Costs(Cost cost) => CostOracles.Check(cost, 3, 5, TimeSpan.FromSeconds(2), [], 0, TimeSpan.FromSeconds(0.25));
    }

    [Fact]
    public void Ownerships_may_overlap_and_are_counted_when_they_do()
    {
        var history = Told(
            (1, "grant 1 ownership k 1 0 0 100"), (1, "look 1 110"), (1, "look 1 190"), (1, "end 1 200 lost"),
            (2, "grant 1 ownership k 1 0 50 150"), (2, "look 1 160"), (2, "end 1 170 released"),
            (3, "grant 1 ownership k 1 0 50 250"), (3, "look 1 260"));
        Assert.Empty(ClaimOracles.Check(history.Holds));
        Assert.Equal(1, ClaimOracles.Shared(history.Holds));
    }

    [Fact]
    public void An_addition_that_the_comparison_refused_was_not_asked_for()
    {
        var history = Told((1, "adding ownership k"), (1, "conflict ownership k"), (1, "adding ownership k"), (1, "added ownership k"), (2, "adding ownership k"));
        Assert.Equal((new Additions(2, 1), 1), (history.Additions[("ownership", "k")], history.Conflicts));
    }

    [Fact]
    public void What_nobody_expected_is_kept_and_who_got_nothing_is_named()
    {
        var history = Told((1, "error it broke"), (1, "grant 1 lock x 1 10 0 100"), (1, "grant 2 leader e 1 10 0 100"), (1, "adding counter c"), (1, "added counter c"));
        Assert.Equal("worker 1: error it broke", Assert.Single(history.Wrongs).What);
        Assert.Equal("worker 1 got no semaphore", history.Missing([1], 50));
        Assert.Equal("worker 1 got no lock", history.Missing([1], 101));
    }

    [Fact]
    public void Who_believes_in_what_it_was_told_is_lost_is_found()
    {
        // the look began before the loss was told: what it saw was true
        Assert.Empty(Told((1, "grant 1 lock x 1 10 0 100"), (1, "lost 1 150 0"), (1, "look 1 149")).Wrongs);
        var wrong = Assert.Single(Told((1, "grant 1 lock x 1 10 0 100"), (1, "lost 1 150 0"), (1, "look 1 151")).Wrongs);
        Assert.Equal(("loss signal", ("lock", "x")), (wrong.Oracle, wrong.Name));
    }

    [Fact]
    public void What_a_worker_saw_itself_is_a_violation_of_its_own_oracle()
    {
        var history = Told((3, "wrong release: it was: still there"), (3, "did run"), (3, "did try"));
        var wrong = Assert.Single(history.Wrongs);
        Assert.Equal(("release", "worker 3: it was: still there"), (wrong.Oracle, wrong.What));
        Assert.Equal(5, history.Cost.Operations);
    }

    [Fact]
    public async Task The_resource_refuses_old_tokens_for_reading_and_writing_and_counts_them_where_it_checks_nothing()
    {
        foreach (bool checks in (bool[])[true, false])
        {
            string path = Path.Combine(Path.GetTempPath(), $"conclave-torture-test-{Environment.ProcessId}-{checks}.sock");
            await using var resource = new GuardedResource(path, checks);
            await using var client = await ResourceClient.ConnectAsync(path);
            Assert.Equal(0, await client.ReadAsync("x", new(1)));
            Assert.Equal(0, await client.ReadAsync("x", new(2)));
            Assert.Equal(!checks, await client.WriteAsync("x", new(1), 1));
            Assert.True(await client.WriteAsync("x", new(2), 1));
            Assert.Equal(1, resource.Stale);

            // without a check one addition is lost: two were accepted, the sum is one
            Assert.Equal([("x", 1L, checks ? 1L : 2L)], resource.Sums);
        }
    }

    [Fact]
    public void Wrong_options_are_refused_with_what_would_be_right()
    {
        Assert.Contains("sqlite", Refused("--engine", "oracle"), StringComparison.Ordinal);
        Assert.Contains("90s", Refused("--duration", "soon"), StringComparison.Ordinal);
        Assert.Contains("2 to 100", Refused("--workers", "1"), StringComparison.Ordinal);
        Assert.Contains("liveness", Refused("--profile", "fast"), StringComparison.Ordinal);
        Assert.Contains("--seed needs a value", Refused("--seed"), StringComparison.Ordinal);
        Assert.Contains("--help", Refused("--what"), StringComparison.Ordinal);
        Assert.Contains("semaphore", Refused("--exercise", "sleep"), StringComparison.Ordinal);
        Assert.Contains("--ttl 'soon'", Refused("--ttl", "soon"), StringComparison.Ordinal);
        var chosen = Settings.Parse(["--exercise", "lock", "--fault", "worker stopped", "--ttl", "2.5s", "--seed", "1", "--first"]).Settings;
        Assert.Equal(
            "./torture --engine sqlite --profile safety --duration 60s --workers 5 --seed 1 --ttl 2.5s --exercise lock --fault \"worker stopped\" --first", chosen.Command);
        var (settings, engines) = Settings.Parse(["--engine", "all", "--duration", "2m", "--profile", "liveness", "--no-fence"]);
        Assert.Equal((TimeSpan.FromMinutes(2), Profile.Liveness, false, Arena.All.Count), (settings.Duration, settings.Profile, settings.Fences, engines.Count));

        static string Refused(params string[] arguments) => Assert.Throws<ArgumentException>(() => Settings.Parse(arguments)).Message;
    }

    private static History Told(params (int Worker, string Line)[] lines)
    {
        var history = new History(["lock", "leader", "semaphore", "counter"], () => 100, _ => { });
        foreach (var (worker, line) in lines)
        {
            history.Hear(worker, line);
        }

        return history;
    }
}
