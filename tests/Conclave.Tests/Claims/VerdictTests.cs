using Conclave.Storage;

namespace Conclave.Tests.Claims;

public sealed class VerdictTests
{
    private const string Prefix = "lock/x/";

    private static Entry Contender(string key, long created, ClaimRule rule) =>
        new(Prefix + key, rule.ToValue(DateTimeOffset.UnixEpoch), created, created, new SessionId(key));

    private static Verdict Judge(string mine, ClaimRule rule, params Entry[] queue) =>
        Verdict.Of([.. queue], Prefix, Prefix + mine, rule);

    private static readonly ClaimRule X = ClaimRule.Exclusive;
    private static readonly ClaimRule S = ClaimRule.Shared;

    [Fact]
    public void Exclusive_is_granted_to_the_oldest_and_waits_for_its_immediate_predecessor()
    {
        Entry[] queue = [Contender("a", 30, X), Contender("b", 10, X), Contender("c", 20, X)];

        Assert.Equal(VerdictKind.Granted, Judge("b", X, queue).Kind);
        Assert.Equal(Prefix + "b", Judge("c", X, queue).WaitFor);
        Assert.Equal(Prefix + "c", Judge("a", X, queue).WaitFor);
    }

    [Fact]
    public void Shared_is_granted_when_no_exclusive_contender_is_ahead_and_waits_for_the_nearest_one()
    {
        Entry[] queue = [Contender("r1", 1, S), Contender("w1", 2, X), Contender("r2", 3, S), Contender("w2", 4, X), Contender("r3", 5, S), Contender("r4", 6, S)];

        Assert.Equal(VerdictKind.Granted, Judge("r1", S, queue).Kind);
        Assert.Equal(Prefix + "w1", Judge("r2", S, queue).WaitFor);
        Assert.Equal(Prefix + "w2", Judge("r4", S, queue).WaitFor);
        Assert.Equal(Prefix + "r1", Judge("w1", X, queue).WaitFor);
    }

    [Fact]
    public void Permits_are_granted_to_the_first_n_and_the_rest_waits_for_the_whole_queue()
    {
        var three = ClaimRule.OfPermits(3);
        Entry[] queue = [Contender("a", 1, three), Contender("b", 2, three), Contender("c", 3, three), Contender("d", 4, three)];

        Assert.Equal(VerdictKind.Granted, Judge("c", three, queue).Kind);
        Assert.Equal(Prefix, Judge("d", three, queue).WaitFor);
        Assert.Equal(VerdictKind.Granted, Judge("d", three, [queue[0], queue[2], queue[3]]).Kind);
    }

    [Fact]
    public void Who_wants_several_permits_is_not_overtaken_by_who_wants_few()
    {
        var one = ClaimRule.OfPermits(4);
        var two = ClaimRule.OfPermits(4, 2);
        var three = ClaimRule.OfPermits(4, 3);
        Entry[] queue = [Contender("a", 1, two), Contender("b", 2, three), Contender("c", 3, one)];

        Assert.Equal(VerdictKind.Granted, Judge("a", two, queue).Kind);
        Assert.Equal(VerdictKind.Waiting, Judge("b", three, queue).Kind);
        Assert.Equal(VerdictKind.Waiting, Judge("c", one, queue).Kind);
        Assert.Equal(VerdictKind.Granted, Judge("c", one, queue[0], queue[2]).Kind);
        Assert.Equal(VerdictKind.Granted, Judge("c", one, queue[1..]).Kind);
        Assert.Equal(two, ClaimRule.Parse(two.ToValue(DateTimeOffset.UnixEpoch), out _));
        Assert.True(one.Mixes(three));
    }

    [Fact]
    public void Present_is_always_granted() =>
        Assert.Equal(VerdictKind.Granted, Judge("b", ClaimRule.Present, Contender("a", 1, ClaimRule.Present), Contender("b", 2, ClaimRule.Present)).Kind);

    [Fact]
    public void Who_is_not_in_the_answer_is_never_granted()
    {
        Assert.Equal(VerdictKind.Missing, Judge("a", X).Kind);
        Assert.Equal(VerdictKind.Missing, Judge("a", ClaimRule.Present, Contender("b", 1, X)).Kind);
    }

    [Fact]
    public void A_rule_that_does_not_mix_with_the_head_is_a_mismatch_and_disturbs_nobody_else()
    {
        Entry[] queue =
        [
            Contender("a", 1, ClaimRule.OfPermits(2)), Contender("b", 2, ClaimRule.OfPermits(3)), Contender("c", 3, X), Contender("d", 4, ClaimRule.OfPermits(2)),
        ];

        Assert.Equal(VerdictKind.Granted, Judge("a", ClaimRule.OfPermits(2), queue).Kind);
        Assert.Equal(VerdictKind.Mismatch, Judge("b", ClaimRule.OfPermits(3), queue).Kind);
        Assert.Equal(VerdictKind.Mismatch, Judge("c", X, queue).Kind);
        Assert.Equal(VerdictKind.Waiting, Judge("d", ClaimRule.OfPermits(2), queue).Kind);
        Assert.Equal(VerdictKind.Granted, Judge("d", ClaimRule.OfPermits(2), queue[0], queue[3]).Kind);
    }

    [Fact]
    public void Contenders_of_one_commit_stand_in_the_order_of_their_keys()
    {
        Entry[] queue = [Contender("b", 7, X), Contender("a", 7, X)];

        Assert.Equal(VerdictKind.Granted, Judge("a", X, queue).Kind);
        Assert.Equal(Prefix + "a", Judge("b", X, queue).WaitFor);
    }

    [Fact]
    public void A_rule_survives_its_way_through_a_value_and_what_is_foreign_counts_as_exclusive()
    {
        var joined = DateTimeOffset.FromUnixTimeMilliseconds(1_767_225_600_123);
        foreach (var rule in (ClaimRule[])[X, S, ClaimRule.Present, ClaimRule.OfPermits(12)])
        {
            Assert.Equal(rule, ClaimRule.Parse(rule.ToValue(joined), out var since));
            Assert.Equal(joined, since);
        }

        foreach (string foreign in (string[])["", "proposal", "shared", "shared 0", "shared x 1", "shared 0 -1", "shared 0 99999999999999999", new('x', 1000)])
        {
            Assert.Equal(X, ClaimRule.Parse(Bytes.Of(foreign).Span, out var since));
            Assert.Null(since);
        }
    }

    [Fact]
    public void Tokens_are_ordered_by_epoch_first()
    {
        var old = FencingToken.Create(epoch: 0, createRevision: (1L << 48) - 1);
        var young = FencingToken.Create(epoch: 1, createRevision: 1);
        Assert.True(young > old && old < young && old <= young && young >= old);
        Assert.Equal((1L << 48) + 1, young.Value);
    }
}
