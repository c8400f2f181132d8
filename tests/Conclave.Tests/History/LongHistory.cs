using System.Globalization;
using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Tests.History;

/// <summary>A long history of six clients, made without a clock: who takes effect when is drawn, so overlaps are dense. One in twenty outcomes is unknown, and half of those land, some late.</summary>
internal static class LongHistory
{
    public static List<StoreOperation> Make(int operations, int seed)
    {
        var random = new Random(seed);
        var history = new List<StoreOperation>();
        var late = new List<Transaction>();
        var store = new MemoryStore();
        long now = 0;
        long[] free = new long[6];
        for (int i = 0; i < operations; i++)
        {
            int client = Array.IndexOf(free, free.Min());
            now = Math.Max(now + 10, free[client] + 2);
            string key = "k" + random.Next(5).ToString(CultureInfo.InvariantCulture);
            var current = Commit(store, new(reads: [Read.Get(key)])).Get(0);
            Condition[] conditions = random.Next(2) == 0 ? [] : [current is null || random.Next(4) == 0 ? Condition.Absent(key) : Condition.Unchanged(key, current.Revision)];
            Write[] writes = random.Next(3) switch
            {
                0 => [],
                1 when random.Next(3) == 0 => [Write.Delete(key)],
                _ => [Write.Put(key, Bytes.Of(i.ToString(CultureInfo.InvariantCulture)))],
            };
            if (late.Count > 0 && random.Next(10) == 0)
            {
                _ = Commit(store, late[0]);
                late.RemoveAt(0);
            }

            var transaction = new Transaction(writes.Length == 0 ? [] : conditions, writes, writes.Length == 0 || random.Next(2) == 0 ? [Read.Get(key)] : []);
            var outcome = writes.Length > 0 && random.Next(13) == 0 ? CallOutcome.Unknown : CallOutcome.Answered;
            CommitResult? result = null;
            if (outcome == CallOutcome.Answered)
            {
                result = Commit(store, transaction);
            }
            else if (random.Next(2) == 0)
            {
                late.Add(transaction);
            }

            long start = Math.Max(free[client] + 1, now - random.Next(50));
            free[client] = now + random.Next(1, 50);
            history.Add(Script.Commit(client, start, free[client], transaction, result, outcome));
        }

        return history;
    }

    private static CommitResult Commit(MemoryStore store, Transaction transaction) => store.CommitAsync(transaction).AsTask().GetAwaiter().GetResult();
}
