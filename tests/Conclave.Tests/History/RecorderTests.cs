using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.History;

/// <summary>How a user checks a store, or what an application does to one.</summary>
public sealed class RecorderTests
{
    [Fact]
    public async Task What_clients_did_is_recorded_and_checked()
    {
        await using var store = new MemoryStore();
        var history = new StoreHistory();
        var one = new HistoryRecorder(store, history);
        var two = new HistoryRecorder(store, history);
        var session = (await one.OpenSessionAsync(TimeSpan.FromSeconds(5))).Id;
        await one.PutAsync("k", Bytes.Of("a"), session);
        Assert.NotNull(await two.GetAsync("k"));
        Assert.Null(await two.TryPutAsync("k", Bytes.Of("b"), expectedRevision: 0));
        await one.CloseSessionAsync(session);
        Assert.False(await two.RenewSessionAsync(session));
        await Assert.ThrowsAsync<SessionExpiredException>(() => two.PutAsync("k", Bytes.Of("c"), session).AsTask());

        var verdict = new StoreHistoryChecker().Check(history);

        Assert.True(verdict.IsLinearizable, verdict.ToString());
        Assert.Equal(7, verdict.Operations);
        Assert.Equal(
            ["open a session: session 1", "put k = 'a' of session 1, get k: accepted @1, 'a' @1 of session 1", "get k: accepted @1, 'a' @1 of session 1", "if k absent: put k = 'b', get k: refused @1, 'a' @1 of session 1", "close session 1: closed", "renew session 1: gone", "put k = 'c' of session 1, get k: session expired"],
            history.ToList().Select(o => o.ToString()));
    }

    [Theory]
    [InlineData(nameof(StoreUnavailableException), CallOutcome.NotApplied)]
    [InlineData(nameof(OperationCanceledException), CallOutcome.NotApplied)]
    [InlineData(nameof(OutcomeUnknownException), CallOutcome.Unknown)]
    [InlineData(nameof(InvalidOperationException), CallOutcome.Unknown)]
    public async Task An_exception_says_what_is_known(string name, CallOutcome expected)
    {
        Exception exception = name switch
        {
            nameof(StoreUnavailableException) => new StoreUnavailableException(""),
            nameof(OperationCanceledException) => new OperationCanceledException(),
            nameof(OutcomeUnknownException) => new OutcomeUnknownException(""),
            _ => new InvalidOperationException(),
        };
        var history = new StoreHistory();
        await using var store = new HistoryRecorder(new InterceptedStore(new MemoryStore()) { OnCommit = (_, _) => throw exception }, history);

        await Assert.ThrowsAsync(exception.GetType(), () => store.PutAsync("k", default).AsTask());

        Assert.Equal(expected, Assert.Single(history.ToList()).Outcome);
    }

    [Fact]
    public async Task A_call_under_way_is_unknown()
    {
        var history = new StoreHistory();
        var answer = new TaskCompletionSource<CommitResult>();
        await using var store = new HistoryRecorder(new InterceptedStore(new MemoryStore()) { OnCommit = (_, _) => new(answer.Task) }, history);

        var put = store.CommitAsync(new(writes: [Write.Put("k", default)]));

        Assert.Equal((CallOutcome.Unknown, long.MaxValue), (history.ToList()[0].Outcome, history.ToList()[0].End));
        answer.SetResult(new(true, 1, []));
        await put;
        Assert.Equal((CallOutcome.Answered, 2), (history.ToList()[0].Outcome, history.ToList()[0].End));
    }

    [Fact]
    public async Task A_store_that_serves_old_reads_is_caught_with_a_short_excerpt()
    {
        await using var harness = new BrokenHarness(store =>
        {
            // every twentieth scan is answered with what the same store object answered before
            CommitResult? old = null;
            int scans = 0;
            store.OnCommit = async (transaction, next) =>
            {
                var result = await next();
                if (!transaction.IsReadOnly || transaction.Reads is not [{ IsScan: true, Key: "h/", Limit: int.MaxValue }, ..])
                {
                    return result;
                }

                var stale = old is not null && Interlocked.Increment(ref scans) % 20 == 0 ? new CommitResult(result.Accepted, result.Revision, [old.Reads[0], .. result.Reads.Skip(1)]) : null;
                old = result;
                return stale ?? result;
            };
        });
        var theCase = HistoryConformance.Cases.Single(c => c.Name == nameof(HistoryConformance.ConcurrentClientsProduceALinearizableHistory));

        var e = await Assert.ThrowsAsync<ConformanceException>(() => theCase.RunAsync(harness).InTime());

        TestContext.Current.TestOutputHelper!.WriteLine(e.Message);
        Assert.Contains("not linearizable", e.Message, StringComparison.Ordinal);
        Assert.InRange(e.Message.Split('\n').Count(l => l.StartsWith("  #", StringComparison.Ordinal)), 1, 4);
    }
}
