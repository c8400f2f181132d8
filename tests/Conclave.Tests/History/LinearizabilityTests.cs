using Conclave.Testing;

namespace Conclave.Tests.History;

/// <summary>Registers and counters, without revisions.</summary>
public sealed class LinearizabilityTests
{
    [Fact]
    public void Reads_that_overlap_a_write_see_either_value() => Good(
        Put(1, 1, 10, "a"), Read(2, 2, 3, ""), Read(2, 4, 5, "a"), Read(3, 11, 12, "a"));

    [Fact]
    public void A_stale_read_after_a_write() => Bad(2, "Read k answered a, but nothing explains it: b was expected",
        Put(1, 1, 2, "a"), Read(2, 3, 4, "a"), Put(1, 5, 6, "b"), Read(3, 5, 7, "b"), Read(2, 8, 9, "a"), Read(3, 8, 10, "b"));

    [Fact]
    public void A_new_value_and_then_the_old_one() => Bad(2, "nothing explains it",
        Put(1, 1, 2, "a"), Put(1, 3, 20, "b"), Read(2, 4, 5, "b"), Read(3, 6, 7, "a"), Read(3, 21, 22, "b"));

    [Fact]
    public void A_lost_update_of_a_counter() => Bad(2, "Increment k answered 1, but nothing explains it: 2 was expected",
        Increment(1, 1, 5, "1"), Increment(2, 2, 6, "1"), Read(3, 7, 8, "1"));

    [Fact]
    public void Unknown_increments_count_when_they_are_seen_and_not_before()
    {
        Good(Unknown(1, 1, KeyAction.Increment), Unknown(2, 2, KeyAction.Increment), Read(3, 3, 4, ""), Increment(3, 5, 6, "1"), Read(3, 7, 8, "3"));
        Good(Unknown(1, 1, KeyAction.Increment), Read(3, 3, 4, ""));
        Bad(1, "3 was expected", Unknown(1, 1, KeyAction.Increment), Unknown(2, 2, KeyAction.Increment), Increment(3, 5, 6, "4"));
    }

    [Fact]
    public void An_unknown_write_takes_effect_once() => Bad(3, "nothing explains it",
        Unknown(1, 1, KeyAction.Put, "a"), Read(2, 2, 3, "a"), Put(2, 4, 5, "b"), Read(2, 6, 7, "b"), Read(3, 8, 9, "a"), Read(3, 10, 11, "a"));

    [Fact]
    public void Each_key_is_checked_on_its_own()
    {
        var verdict = Linearizability.Check(new KeyModel(),
            [Put(1, 1, 2, "a"), new(1, 3, 4, new(KeyAction.Read, "other"), "a")], o => o.Key);

        Assert.Equal(HistoryFinding.Violated, verdict.Finding);
        Assert.Equal([2], verdict.Excerpt.Select(r => r.Number));
    }

    [Fact]
    public void Forty_equal_unknown_increments_are_no_trouble()
    {
        var history = Enumerable.Range(1, 40).Select(i => Unknown(i, i, KeyAction.Increment)).ToList();
        Good([.. history, Read(50, 50, 51, "20"), Read(50, 52, 53, "40")]);
        Bad(1, "nothing explains it", [.. history, Read(50, 50, 51, "41")]);
    }

    private static TimedOperation<KeyOperation, string> Put(int client, long start, long end, string value) => new(client, start, end, new(KeyAction.Put, "k", value), "");

    private static TimedOperation<KeyOperation, string> Read(int client, long start, long end, string value) => new(client, start, end, new(KeyAction.Read, "k"), value);

    private static TimedOperation<KeyOperation, string> Increment(int client, long start, long end, string value) => new(client, start, end, new(KeyAction.Increment, "k"), value);

    private static TimedOperation<KeyOperation, string> Unknown(int client, long start, KeyAction action, string value = "") =>
        new(client, start, long.MaxValue, new(action, "k", value), null, IsKnown: false);

    private static void Good(params TimedOperation<KeyOperation, string>[] history)
    {
        var verdict = Linearizability.Check(new KeyModel(), history, o => o.Key);
        Assert.True(verdict.IsLinearizable, verdict.ToString());
    }

    private static void Bad(int excerpt, string reason, params TimedOperation<KeyOperation, string>[] history)
    {
        var verdict = Linearizability.Check(new KeyModel(), history, o => o.Key);

        TestContext.Current.TestOutputHelper!.WriteLine(verdict.ToString());
        Assert.Equal(HistoryFinding.Violated, verdict.Finding);
        Assert.Contains(reason, verdict.Reason, StringComparison.Ordinal);
        Assert.Equal(excerpt, verdict.Excerpt.Count);
    }
}
