using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.History;

/// <summary>A bug that was planted is found by generated sequences, and told in the fewest steps that show it.</summary>
public sealed class GeneratedRunTests
{
    [Fact]
    public Task Keys_in_the_order_of_utf16() => FindsAsync(3, "answers the keys", store => store.OnCommit = async (_, next) =>
    {
        var result = await next();
        return new(result.Accepted, result.Revision, [.. result.Reads.Select(r => r.Sort((x, y) => string.CompareOrdinal(x.Key, y.Key)))]);
    });

    [Fact]
    public Task A_page_that_repeats_its_last_key() => FindsAsync(3, "answers the keys", store => store.OnCommit = async (transaction, next) =>
    {
        var reads = transaction.Reads.Select(r => r is { IsScan: true, StartAfter: not null } ? Read.Scan(r.Key, r.StartAfter[..^1], r.Limit) : r);
        return transaction.Reads.All(r => r.StartAfter is null) ? await next() : await store.Inner.CommitAsync(new([.. transaction.Conditions], [.. transaction.Writes], [.. reads]));
    });

    [Fact]
    public Task A_put_that_forgets_when_the_key_was_created() => FindsAsync(2, "(created ", store => store.OnCommit = async (_, next) =>
    {
        var result = await next();
        return new(result.Accepted, result.Revision, [.. result.Reads.Select(r => (System.Collections.Immutable.ImmutableArray<Entry>)[.. r.Select(e => e with { CreateRevision = e.Revision })])]);
    });

    [Fact]
    public Task Only_the_first_condition_counts() => FindsAsync(2, "accepted: expected False, got True", store => store.OnCommit = (transaction, next) =>
        transaction.Conditions.Length < 2 ? next() : store.Inner.CommitAsync(new(transaction.Conditions.AsSpan()[..1], transaction.Writes.AsSpan(), transaction.Reads.AsSpan())));

    [Fact]
    public Task A_dead_session_that_writes() => FindsAsync(3, "session", store => store.OnCommit = async (transaction, next) =>
    {
        try
        {
            return await next();
        }
        catch (SessionExpiredException)
        {
            return await store.Inner.CommitAsync(new([.. transaction.Conditions], [.. transaction.Writes.Select(w => w.IsDelete ? w : Write.Put(w.Key, w.Value))], [.. transaction.Reads]));
        }
    });

    [Fact]
    public async Task One_seed_gives_one_sequence_and_it_draws_from_everything()
    {
        var one = new StepGenerator(7, timePasses: true).Sequence(500).Select(s => s.ToString()).ToList();
        var two = new StepGenerator(7, timePasses: true).Sequence(500).Select(s => s.ToString()).ToList();

        Assert.Equal(one, two);
        foreach (string what in (string[])["OpenSession", "RenewSession", "CloseSession", "Pass(a little)", "Pass(more", "Absent", "Current", "Older", "Never", "Put", "Delete", "Get", "limit", "after", "\\u{FFFD}", "\\u{10000}", "store2"])
        {
            Assert.Contains(one, s => s.Contains(what, StringComparison.Ordinal));
        }

        await Task.CompletedTask;
    }

    private static async Task FindsAsync(int steps, string reason, Action<InterceptedStore> breakIt)
    {
        await using var harness = new BrokenHarness(breakIt);
        var theCase = HistoryConformance.Cases.Single(c => c.Name == nameof(HistoryConformance.GeneratedSequencesDoWhatTheModelDoes));

        var e = await Assert.ThrowsAsync<ConformanceException>(() => theCase.RunAsync(harness).InTime());

        TestContext.Current.TestOutputHelper!.WriteLine(e.Message);
        string[] lines = e.Message.Split('\n');
        Assert.Contains("seed 1", e.Message, StringComparison.Ordinal);
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
        Assert.InRange(lines.Count(l => l.Contains("store1.", StringComparison.Ordinal) || l.Contains("store2.", StringComparison.Ordinal)), 1, steps);
    }
}
