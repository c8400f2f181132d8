#pragma warning disable xUnit1031 // this test occupies its thread on purpose: what it awaited would need the pool that it blocks
using System.Collections.Concurrent;
using Conclave.Sqlite;
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.Sessions;

[Collection(nameof(Alone))]
public sealed class RenewalStarvationTests
{
    [Fact]
    public void Renewals_go_out_while_every_thread_of_the_pool_is_blocked()
    {
        var store = new InterceptedStore(new MemoryStore());
        var client = new ConclaveClient(store, new() { SessionTimeToLive = TimeSpan.FromSeconds(2) });
        var claim = client.Lock("x").AcquireAsync().AsTask().GetAwaiter().GetResult();

        // not disposed: what the pool gets to late still waits on it
        var release = new ManualResetEventSlim();
        for (int i = 0; i < 500; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(_ => release.Wait(), null);
        }

        // more than three times the time to live, seen by the number of renewals and not by a clock
        bool renewed = SpinWait.SpinUntil(() => store.Renewals >= 10 || !claim.IsHeld, Eventually.Deadline);
        bool held = claim.IsHeld;
        release.Set();

        Assert.True(renewed && held, $"{store.Renewals} renewals");
        client.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    /// <summary>A call that has to wait for its turn is given it while no thread is free to use it: a renewal does not wait behind it.</summary>
    [Fact]
    public void A_renewal_on_SQLite_does_not_wait_behind_a_call_that_has_no_thread()
    {
        var folder = Directory.CreateTempSubdirectory("conclave-starved-");
        var store = new SqliteStore(Path.Combine(folder.FullName, "store.db"));
        var session = store.OpenSessionAsync(TimeSpan.FromSeconds(10)).AsTask().GetAwaiter().GetResult();
        var release = new ManualResetEventSlim();
        for (int i = 0; i < 500; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(_ => release.Wait(), null);
        }

        // threads that are not of the pool meet in the store, until one of them has to wait for its turn
        var waiting = new ConcurrentBag<Task>();
        Thread[] callers = [.. Enumerable.Range(0, 4).Select(number => new Thread(() =>
        {
            while (waiting.IsEmpty)
            {
                var call = store.CommitAsync(new([], [Write.Put($"x{number}", default)]));
                if (!call.IsCompleted)
                {
                    waiting.Add(call.AsTask());
                }
            }
        }))];
        Array.ForEach(callers, c => c.Start());
        Array.ForEach(callers, c => c.Join());
        bool isStuck = waiting.All(w => !w.IsCompleted);
        var renewal = store.RenewSessionAsync(session.Id);
        bool isRenewed = renewal.IsCompleted;
        release.Set();

        Assert.True(isStuck, "nobody waits for its turn: this showed nothing");
        Assert.True(isRenewed, "the renewal waits");
        Assert.True(renewal.AsTask().GetAwaiter().GetResult());
        Task.WhenAll(waiting).GetAwaiter().GetResult();
        store.DisposeAsync().AsTask().GetAwaiter().GetResult();
        folder.Delete(recursive: true);
    }

    /// <summary>To try again it needs no thread either: with several processes that write, the file is busy at every other moment.</summary>
    [Fact]
    public void A_renewal_on_SQLite_needs_no_thread_of_the_pool_while_another_process_writes()
    {
        var folder = Directory.CreateTempSubdirectory("conclave-busy-");
        string path = Path.Combine(folder.FullName, "store.db");
        var store = new SqliteStore(path);
        var session = store.OpenSessionAsync(TimeSpan.FromSeconds(10)).AsTask().GetAwaiter().GetResult();
        using var writes = new ManualResetEventSlim();
        using var never = new ManualResetEventSlim();
        var other = new Thread(() =>
        {
            using var connection = Connection.Open(path);
            connection.Execute("BEGIN IMMEDIATE");
            writes.Set();
            never.Wait(TimeSpan.FromMilliseconds(20));
            connection.Execute("COMMIT");
        });
        other.Start();
        writes.Wait(TestContext.Current.CancellationToken);
        var renewal = store.RenewSessionAsync(session.Id);
        bool isRenewed = renewal.IsCompleted;
        other.Join();

        Assert.True(isRenewed, "the renewal waits for a thread");
        Assert.True(renewal.AsTask().GetAwaiter().GetResult());
        store.DisposeAsync().AsTask().GetAwaiter().GetResult();
        folder.Delete(recursive: true);
    }
}
