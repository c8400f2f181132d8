using System.Collections.Immutable;
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.Storage;

/// <summary>The kit itself: a store that breaks one line of the contract fails the case of that line, with a message that names it.</summary>
public sealed class KnownBadStoreTests
{
    [Fact]
    public Task Keys_in_the_order_of_utf16() => FailsAsync(nameof(StoreConformance.KeysAreOrderedByTheirUtf8Bytes), "2. A scan", store =>
        store.OnCommit = async (_, next) => Change(await next(), entries => [.. entries.OrderBy(e => e.Key, StringComparer.Ordinal)]));

    [Fact]
    public Task A_put_with_equal_bytes_that_changes_nothing() =>
        FailsAsync(nameof(StoreConformance.APutWithEqualBytesChangesTheRevisionAndKeepsTheCreateRevision), "1. Every put", store =>
            store.OnCommit = async (transaction, next) =>
            {
                if (transaction.Writes is [{ IsDelete: false } put] && await store.Inner.GetAsync(put.Key) is { } same && same.Value.Span.SequenceEqual(put.Value.Span))
                {
                    return await store.Inner.CommitAsync(new(reads: [.. transaction.Reads]));
                }

                return await next();
            });

    [Fact]
    public Task A_renewal_that_revives() => FailsAsync(nameof(StoreConformance.AnExpiredSessionIsNeverRevived), "3. A put with a dead session", store =>
        store.OnRenew = async next =>
        {
            _ = await next();
            return true;
        });

    [Fact]
    public Task A_dead_session_that_writes() => FailsAsync(nameof(StoreConformance.APutWithADeadSessionWritesNothing), "3. A put with a dead session", store =>
        store.OnCommit = async (transaction, next) =>
        {
            try
            {
                return await next();
            }
            catch (SessionExpiredException)
            {
                return await store.Inner.CommitAsync(new(writes: [.. transaction.Writes.Select(w => Write.Put(w.Key, w.Value))], reads: [.. transaction.Reads]));
            }
        });

    [Fact]
    public Task A_missed_wake_up() => FailsAsync(nameof(StoreConformance.EveryKindOfChangeWakes), "4. A wait completes soon", store =>
        store.OnWait = (_, _) => new(new TaskCompletionSource<long>().Task));

    [Fact]
    public Task A_wait_that_spins() => FailsAsync(nameof(StoreConformance.AQuietPrefixInABusyNamespaceIsLeftInPeace), "4. A wait completes after the longest silence", store =>
        store.OnWait = async (after, next) =>
        {
            await Task.Yield();
            var wait = next();
            return wait.IsCompleted ? await wait : after;
        });

    [Fact]
    public Task A_refused_commit_that_writes_a_little() => FailsAsync(nameof(StoreConformance.ARefusedCommitWritesNothingAndAnswersItsReads), "2. Reads are answered", store =>
        store.OnCommit = async (transaction, next) =>
        {
            var result = await next();
            if (!result.Accepted && transaction.Writes is [{ IsDelete: false } put, ..])
            {
                _ = await store.Inner.PutAsync(put.Key, put.Value);
            }

            return result;
        });

    [Fact]
    public Task Reads_before_writes() => FailsAsync(nameof(StoreConformance.AScanAfterAPutSeesItAndOneCommitHasOneRevision), "2. Reads are answered", store =>
        store.OnCommit = async (transaction, next) =>
        {
            var before = await store.Inner.CommitAsync(new(reads: [.. transaction.Reads]));
            var result = await next();
            return new(result.Accepted, result.Revision, before.Reads);
        });

    [Fact]
    public Task A_session_that_expires_early() =>
        FailsAsync(nameof(StoreConformance.ASessionLivesForItsTimeToLiveAfterEachRenewalAndNotMuchLonger), "3. Entries put with a session", store =>
            store.OnOpen = async next => new((await next()).Id, TimeSpan.FromSeconds(8)));

    private static CommitResult Change(CommitResult result, Func<ImmutableArray<Entry>, ImmutableArray<Entry>> change) =>
        new(result.Accepted, result.Revision, [.. result.Reads.Select(change)]);

    private static async Task FailsAsync(string name, string contract, Action<InterceptedStore> breakIt)
    {
        await using var harness = new BadHarness(breakIt);
        var theCase = StoreConformance.Cases.Single(c => c.Name == name);

        var e = await Assert.ThrowsAsync<ConformanceException>(() => theCase.RunAsync(harness).InTime());

        Assert.Equal(theCase, e.Case);
        Assert.Contains(name, e.Message, StringComparison.Ordinal);
        Assert.Contains("Contract: " + contract, e.Message, StringComparison.Ordinal);

        // the same store without the bug is right: the case failed for the bug alone
        await using var sound = new BadHarness(_ => { });
        await theCase.RunAsync(sound).InTime();
    }

    private sealed class BadHarness(Action<InterceptedStore> breakIt) : StoreHarness
    {
        public override TimeSpan Patience => TimeSpan.FromSeconds(2);

        protected override IStore Open(TimeProvider time)
        {
            var store = new InterceptedStore(new MemoryStore(time));
            breakIt(store);
            return store;
        }
    }
}
