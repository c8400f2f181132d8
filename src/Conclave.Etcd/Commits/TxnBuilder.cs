using Conclave.Etcd.Messages;
using Conclave.Storage;
using Google.Protobuf;

namespace Conclave.Etcd;

/// <summary>Turns a transaction into one Txn of etcd.</summary>
internal static class TxnBuilder
{
    /// <exception cref="SessionExpiredException">A put names a session that etcd cannot have made.</exception>
    public static TxnRequest Build(Transaction transaction, EtcdKeys keys)
    {
        var txn = new TxnRequest();
        foreach (var condition in transaction.Conditions)
        {
            txn.Compare.Add(Compare(condition, keys));
        }

        if (!transaction.IsReadOnly)
        {
            AddWrites(txn, transaction, keys);
        }

        foreach (var read in transaction.Reads)
        {
            var range = new RequestOp { Range = Range(read, keys) };
            txn.Success.Add(range);
            if (!transaction.Conditions.IsEmpty)
            {
                txn.Failure.Add(range);
            }
        }

        if (transaction.IsReadOnly && transaction.Reads.IsEmpty)
        {
            // etcd answers a Txn without any range from the member's own state, however old that is
            var range = new RequestOp { Range = new() { Key = keys.Format, CountOnly = true } };
            txn.Success.Add(range);
            txn.Failure.Add(range);
        }

        return txn;
    }

    private static Compare Compare(Condition condition, EtcdKeys keys) => condition.Revision == 0
        ? IsAbsent(keys.Of(condition.Key))
        : new() { Result = Messages.Compare.Types.CompareResult.Equal, Target = Messages.Compare.Types.CompareTarget.Mod, Key = keys.Of(condition.Key), ModRevision = condition.Revision };

    public static Compare IsAbsent(ByteString key) =>
        new() { Result = Messages.Compare.Types.CompareResult.Equal, Target = Messages.Compare.Types.CompareTarget.Create, Key = key, CreateRevision = 0 };

    private static Compare Exists(ByteString key) =>
        new() { Result = Messages.Compare.Types.CompareResult.Greater, Target = Messages.Compare.Types.CompareTarget.Create, Key = key, CreateRevision = 0 };

    private static RangeRequest Range(Read read, EtcdKeys keys)
    {
        if (!read.IsScan)
        {
            return new() { Key = keys.Of(read.Key) };
        }

        var (key, end) = keys.RangeOf(read.Key, read.StartAfter);

        // an empty range is an error in etcd: ask for one key that nobody can have
        return key.Span.SequenceCompareTo(end.Span) >= 0
            ? new() { Key = keys.Liveness("none") }
            : new() { Key = key, RangeEnd = end, Limit = read.Limit == int.MaxValue ? 0 : read.Limit };
    }

    private static void AddWrites(TxnRequest txn, Transaction transaction, EtcdKeys keys)
    {
        // every session that a put names has to be alive, also where the key exists and keeps the session it has
        var proven = new HashSet<SessionId>();
        foreach (var write in transaction.Writes)
        {
            if (write.Session is { } session && IsKnownAbsent(transaction, write.Key))
            {
                proven.Add(session);
            }
        }

        foreach (var write in transaction.Writes)
        {
            var key = keys.Of(write.Key);
            txn.Success.Add(write.IsDelete ? new RequestOp { Delete = new() { Key = key } } : Put(transaction, write, key, keys, proven));
        }
    }

    // A put of etcd moves the key to the lease it names, or frees it from its own; an entry of ours keeps the one it was created with.
    private static RequestOp Put(Transaction transaction, Write write, ByteString key, EtcdKeys keys, HashSet<SessionId> proven)
    {
        var value = UnsafeByteOperations.UnsafeWrap(write.Value);
        long lease = write.Session is { } named ? Leases.Parse(named) ?? throw Failures.SessionGone(named) : 0;
        var create = new RequestOp { Put = new() { Key = key, Value = value, Lease = lease } };
        if (IsKnownAbsent(transaction, write.Key))
        {
            return create;
        }

        var replace = new RequestOp { Put = new() { Key = key, Value = value, IgnoreLease = true } };
        if (write.Session is not { } session)
        {
            return IsKnownPresent(transaction, write.Key)
                ? replace
                : new() { Txn = new() { Compare = { Exists(key) }, Success = { replace }, Failure = { create } } };
        }

        var txn = new TxnRequest { Compare = { Exists(key), IsOfAnother(key, lease) }, Success = { replace }, Failure = { create } };
        if (proven.Add(session))
        {
            // a put with a dead lease makes the whole Txn fail; twice in one Txn would be a duplicate key
            txn.Success.Add(new RequestOp { Put = new() { Key = keys.Liveness(session.Value), Lease = lease } });
        }

        return new() { Txn = txn };
    }

    private static Compare IsOfAnother(ByteString key, long lease) =>
        new() { Result = Messages.Compare.Types.CompareResult.NotEqual, Target = Messages.Compare.Types.CompareTarget.Lease, Key = key, Lease = lease };

    private static bool IsKnownAbsent(Transaction transaction, string key) => Expects(transaction, key) == 0;

    private static bool IsKnownPresent(Transaction transaction, string key) => Expects(transaction, key) > 0;

    private static long? Expects(Transaction transaction, string key)
    {
        foreach (var condition in transaction.Conditions)
        {
            if (condition.Key == key)
            {
                return condition.Revision;
            }
        }

        return null;
    }
}
