using Conclave.Storage;
using Conclave.Testing;
using static Conclave.Tests.History.Script;

namespace Conclave.Tests.History;

/// <summary>Histories that are right, and histories that are wrong in one way, which is told in few lines.</summary>
public sealed class StoreHistoryCheckerTests
{
    [Fact]
    public void Calls_that_overlap_may_have_happened_in_either_order()
    {
        Good(
            Put(1, 1, 10, E("k", "a", 1)),
            Put(2, 2, 9, E("k", "b", 2, create: 1)),
            Get(3, 3, 8, "k", null, 0),
            Get(4, 4, 7, "k", E("k", "a", 1), 1),
            Get(3, 11, 12, "k", E("k", "b", 2, create: 1), 2));
        Good(
            Put(1, 1, 10, E("k", "b", 2, create: 1)),
            Put(2, 2, 9, E("k", "a", 1)));
    }

    [Fact]
    public void Deletes_draw_a_revision_when_there_is_something_to_delete()
    {
        Good(
            Put(1, 1, 2, E("k", "a", 1)),
            Delete(1, 3, 4, "none", 1),
            Delete(1, 5, 6, "k", 2),
            Put(1, 7, 8, E("k", "b", 3)));
        Bad(3, "fits no revision",
            Put(1, 1, 2, E("k", "a", 1)),
            Delete(1, 3, 4, "k", 2),
            Put(2, 3, 5, E("k", "b", 2)));
    }

    [Fact]
    public void A_stale_read() => Bad(2, "k = 'a' @1 was read, but the key was known to have been put at revision 3",
        Put(1, 1, 2, E("k", "a", 1)),
        Put(1, 3, 4, E("other", "x", 2)),
        Put(1, 5, 6, E("k", "b", 3, create: 1)),
        Put(1, 7, 8, E("other", "y", 4, create: 2)),
        Get(2, 9, 10, "k", E("k", "a", 1), 4),
        Get(2, 11, 12, "other", E("other", "y", 4, create: 2), 4));

    [Fact]
    public void A_lost_update() => Bad(3, "it replaced k, which was 'a' @1, but client 2, 4..5, met that as well",
        Put(1, 1, 2, E("k", "a", 1)),
        Put(1, 3, 6, E("k", "b", 2, create: 1), Condition.Unchanged("k", 1)),
        Put(2, 4, 5, E("k", "c", 3, create: 1), Condition.Unchanged("k", 1)),
        Get(2, 7, 8, "k", E("k", "c", 3, create: 1), 3));

    [Fact]
    public void A_refusal_without_reason() => Bad(2, "was refused, but its conditions held: k @1",
        Put(1, 1, 2, E("k", "a", 1)),
        Refused(2, 3, 4, E("k", "b", 2), Condition.Unchanged("k", 1), 1),
        Get(1, 5, 6, "k", E("k", "a", 1), 1));

    [Fact]
    public void A_refused_commit_may_read_a_later_instant_at_which_its_conditions_hold_again() => Good(
        Put(1, 1, 2, E("k", "a", 1)),
        Commit(2, 3, 10, new([Condition.Absent("k")], [Write.Put("k", Bytes.Of("b"))], [Read.Get("k")]), new(false, 2, [[]])),
        Delete(1, 4, 5, "k", 2));

    [Fact]
    public void A_dirty_read_of_a_refused_commit() => Bad(2, "the only commit that put this value was refused",
        Put(1, 1, 2, E("k", "a", 1)),
        Refused(2, 3, 4, E("k", "b", 2), Condition.Absent("k"), 1),
        Get(1, 5, 6, "k", E("k", "b", 2, create: 1), 2));

    [Fact]
    public void A_write_that_was_proven_not_applied() => Bad(2, "without effect (proven not applied)",
        NotApplied(2, 1, 2, E("k", "b", 1)),
        Get(1, 3, 4, "k", E("k", "b", 1), 1));

    [Fact]
    public void A_value_that_nobody_put() => Bad(1, "nobody put this value", Get(1, 3, 4, "k", E("k", "b", 1), 1));

    [Fact]
    public void The_order_of_revisions_is_not_the_order_of_visibility() => Bad(2, "did not see b = 'b' @1",
        Put(1, 1, 9, E("b", "b", 1)),
        Put(2, 2, 3, E("a", "a", 2)),
        Scan(3, 4, 5, Read.Scan(""), 2, E("a", "a", 2)),
        Scan(3, 10, 11, Read.Scan(""), 2, E("a", "a", 2), E("b", "b", 1)));

    [Fact]
    public void A_later_commit_with_a_smaller_revision() => Bad(2, "2 was known before it began",
        Put(1, 1, 2, E("a", "a", 2)),
        Put(2, 3, 4, E("b", "b", 1)));

    [Fact]
    public void Two_commits_with_one_revision() => Bad(2, "two commits have the revision 1",
        Put(1, 1, 4, E("a", "a", 1)),
        Put(2, 2, 3, E("b", "b", 1)));

    [Fact]
    public void One_commit_with_two_revisions() => Bad(1, "at one revision",
        Puts(1, 1, 2, [], E("a", "a", 1), E("b", "b", 2)),
        Get(1, 3, 4, "a", E("a", "a", 1), 2));

    [Fact]
    public void An_answer_with_a_revision_that_forgets() => Bad(2, "was answered with the revision 1, but 2 was known",
        Put(1, 1, 2, E("a", "a", 2)),
        Get(2, 3, 4, "b", null, 1));

    [Fact]
    public void An_answer_with_a_revision_that_its_reads_do_not_show() => Bad(2, "did not see a = 'a' @1",
        Put(1, 1, 9, E("a", "a", 1)),
        Scan(2, 3, 4, Read.Scan(""), 1));

    [Fact]
    public void A_torn_scan() => Bad(3, "saw b = 'b2' @2 (created @1), but it was 'b1' @1",
        Puts(1, 1, 2, [], E("a", "a1", 1), E("b", "b1", 1)),
        Puts(1, 3, 6, [], E("a", "a2", 2, create: 1), E("b", "b2", 2, create: 1)),
        Scan(2, 4, 5, Read.Scan(""), 1, E("a", "a1", 1), E("b", "b2", 2, create: 1)));

    [Fact]
    public void An_unknown_commit_may_land_late()
    {
        Good(
            Unknown(1, 1, 2, E("k", "a", 1)),
            Get(2, 3, 4, "k", null, 0),
            Get(2, 5, 6, "k", E("k", "a", 1), 1));
        Good(
            Unknown(1, 1, 2, E("k", "a", 1)),
            Get(2, 3, 4, "k", null, 0));
    }

    [Fact]
    public void An_unknown_delete_is_found_by_what_is_gone() => Good(
        Put(1, 1, 2, E("k", "a", 1)),
        Commit(2, 3, 4, new(writes: [Write.Delete("k")]), null, CallOutcome.Unknown),
        Get(1, 5, 6, "k", E("k", "a", 1), 1),
        Get(1, 7, 8, "k", null, 2),
        Put(1, 9, 10, E("k", "b", 3)));

    [Fact]
    public void An_unknown_commit_that_is_seen_and_then_unseen() => Bad(3, "'get k' did not see k = 'a' @1",
        Unknown(1, 1, 2, E("k", "a", 1)),
        Get(2, 3, 4, "k", E("k", "a", 1), 1),
        Get(2, 5, 6, "k", null, 1));

    [Fact]
    public void An_unknown_commit_that_took_effect_twice() => Bad(3, "a commit takes effect once",
        Unknown(1, 1, 2, E("k", "a", 1)),
        Get(2, 3, 4, "k", E("k", "a", 1), 1),
        Delete(2, 5, 6, "k", 2),
        Get(2, 7, 8, "k", E("k", "a", 3), 3));

    [Fact]
    public void An_unknown_put_that_was_only_seen_by_the_revision_of_creation_it_left() => Good(
        Unknown(1, 1, 2, E("k", "a", 1)),
        Put(2, 3, 4, E("k", "b", 2, create: 1)));

    [Fact]
    public void A_wrong_revision_of_creation() => Bad(2, "but it was 'b' @3 (created @1)",
        Put(1, 1, 2, E("k", "a", 1)),
        Put(1, 3, 4, E("k", "b", 3)));

    [Fact]
    public void Keys_in_the_order_of_utf16() => Bad(1, "keys are ordered by their UTF-8 bytes",
        Puts(1, 1, 2, [], E("k/\uFFFD", "a", 1), E("k/\U00010000", "b", 1)),
        Scan(1, 3, 4, Read.Scan("k/"), 1, E("k/\U00010000", "b", 1), E("k/\uFFFD", "a", 1)));

    [Fact]
    public void A_page_that_repeats_the_last_key() => Bad(1, "which it did not ask for",
        Puts(1, 1, 2, [], E("a", "a", 1), E("b", "b", 1)),
        Scan(1, 3, 4, Read.Scan("", "a", 2), 1, E("a", "a", 1), E("b", "b", 1)));

    [Fact]
    public void A_page_that_loses_a_key() => Bad(2, "did not see b = 'b' @1",
        Puts(1, 1, 2, [], E("a", "a", 1), E("b", "b", 1), E("c", "c", 1)),
        Scan(1, 3, 4, Read.Scan("", "a", 1), 1, E("c", "c", 1)));

    [Fact]
    public void Sessions_end_in_one_step_closed_or_by_themselves()
    {
        StoreOperation[] begin = [Open(1, 1, 2), Puts(1, 3, 4, [], E("a", "a", 1, 0, S), E("b", "b", 1, 0, S))];
        Good([.. begin, Close(1, 5, 8), Scan(2, 6, 7, Read.Scan(""), 1, E("a", "a", 1, 0, S), E("b", "b", 1, 0, S)), Scan(2, 9, 10, Read.Scan(""), 2), Expired(2, 11, 12, E("c", "c", 3, 0, S))]);
        Good([.. begin, Renew(1, 5, 6, true), Scan(2, 7, 8, Read.Scan(""), 2), Renew(1, 9, 10, false)]);
        Good([.. begin, Close(1, 5, 6, CallOutcome.Unknown), Renew(1, 7, 8, true), Scan(2, 9, 10, Read.Scan(""), 2)]);
    }

    [Fact]
    public void Half_of_a_session_that_ended() => Bad(3, "'get a' did not see a = 'a' @1 of session s",
        Open(1, 1, 2),
        Puts(1, 3, 4, [], E("a", "a", 1, 0, S), E("b", "b", 1, 0, S)),
        Close(1, 5, 8),
        Scan(2, 6, 7, Read.Scan(""), 2, E("b", "b", 1, 0, S)));

    [Fact]
    public void A_session_that_ended_and_came_back() => Bad(3, "session s ended, but another operation found it alive afterwards",
        Open(1, 1, 2),
        Put(1, 3, 4, E("a", "a", 1, 0, S)),
        Close(1, 5, 6),
        Renew(1, 7, 8, true));

    [Fact]
    public void A_dead_session_that_writes() => Bad(3, "session s ended, but another operation found it alive afterwards",
        Open(1, 1, 2),
        Close(1, 3, 4),
        Put(1, 5, 6, E("a", "a", 1, 0, S)));

    [Fact]
    public void An_entry_that_moves_to_another_session() => Bad(4, "of session t was seen of what it put, but it was 'b' @2 (created @1) of session s",
        Open(1, 1, 2),
        Open(2, 3, 4, new("t")),
        Put(1, 5, 6, E("a", "a", 1, 0, S)),
        Put(2, 7, 8, E("a", "b", 2, 1, new SessionId("t"))));

    [Fact]
    public void A_session_id_that_was_used_before() => Bad(2, "an id that was used before", Open(1, 1, 2), Open(2, 3, 4));

    [Fact]
    public void Two_thousand_operations_with_unknown_outcomes_take_a_second()
    {
        var history = LongHistory.Make(2000, seed: 3);
        long start = TimeProvider.System.GetTimestamp();

        var verdict = new StoreHistoryChecker().Check(history);

        Assert.True(verdict.IsLinearizable, verdict.ToString());
        Assert.True(history.Count(o => o.Outcome == CallOutcome.Unknown) > 80);
        Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(4), $"{TimeProvider.System.GetElapsedTime(start)}");
    }

    [Fact]
    public void One_stale_read_in_two_thousand_operations_is_found_and_shown_in_few()
    {
        var history = LongHistory.Make(2000, seed: 3);
        var old = history.First(o => o is { Transaction.IsReadOnly: true, Result.Reads: [[_], ..] });
        var later = history.Last(o => o.Transaction is { IsReadOnly: true } t && t.Reads[0] == old.Transaction!.Reads[0] && o.Result!.Reads is [[var seen]] && seen.Revision > old.Result!.Revision);
        history[history.IndexOf(later)] = later with { Result = new(true, later.Result!.Revision, old.Result!.Reads) };
        long start = TimeProvider.System.GetTimestamp();

        var verdict = new StoreHistoryChecker().Check(history);

        TestContext.Current.TestOutputHelper!.WriteLine($"{TimeProvider.System.GetElapsedTime(start).TotalSeconds:F1} s: {verdict}");
        Assert.Equal(HistoryFinding.Violated, verdict.Finding);
        Assert.InRange(verdict.Excerpt.Count, 1, 4);
    }

    [Fact]
    public void A_search_that_takes_too_long_is_given_up_and_proves_nothing()
    {
        var verdict = new StoreHistoryChecker { Patience = TimeSpan.Zero }.Check(LongHistory.Make(2000, seed: 3));

        Assert.Equal(HistoryFinding.Undecided, verdict.Finding);
        Assert.Throws<ConformanceException>(verdict.ThrowIfNotLinearizable);
    }

    private static void Good(params StoreOperation[] history)
    {
        var verdict = new StoreHistoryChecker().Check(history);
        Assert.True(verdict.IsLinearizable, verdict.ToString());
    }

    private static void Bad(int excerpt, string reason, params StoreOperation[] history)
    {
        var verdict = new StoreHistoryChecker().Check(history);

        TestContext.Current.TestOutputHelper!.WriteLine(verdict.ToString());
        Assert.Equal(HistoryFinding.Violated, verdict.Finding);
        Assert.Contains(reason, verdict.Reason, StringComparison.Ordinal);
        Assert.Equal(excerpt, verdict.Excerpt.Count);
    }
}
