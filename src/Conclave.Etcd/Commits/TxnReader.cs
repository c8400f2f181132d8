using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using Conclave.Etcd.Messages;
using Conclave.Storage;
using Google.Protobuf.Collections;

namespace Conclave.Etcd;

/// <summary>Turns the answer to a Txn into that of a commit. Entries share the memory of the answer.</summary>
internal static class TxnReader
{
    public static CommitResult Read(Transaction transaction, TxnResponse response, EtcdKeys keys)
    {
        if (transaction.Reads.IsEmpty)
        {
            return new(response.Succeeded, response.Header.Revision, []);
        }

        // the reads are the last operations of both branches
        var reads = new ImmutableArray<Entry>[transaction.Reads.Length];
        int skip = response.Succeeded ? transaction.Writes.Length : 0;
        for (int i = 0; i < reads.Length; i++)
        {
            reads[i] = Entries(transaction.Reads[i], response.Responses[skip + i].Range.Kvs, keys);
        }

        return new(response.Succeeded, response.Header.Revision, ImmutableCollectionsMarshal.AsImmutableArray(reads));
    }

    private static ImmutableArray<Entry> Entries(Read read, RepeatedField<KeyValue> found, EtcdKeys keys)
    {
        if (found.Count == 0)
        {
            return [];
        }

        var entries = new Entry[found.Count];
        for (int i = 0; i < entries.Length; i++)
        {
            var kv = found[i];
            entries[i] = new(
                read.IsScan ? keys.Name(kv.Key) : read.Key, kv.Value.Memory, kv.CreateRevision, kv.ModRevision, kv.Lease == 0 ? null : Leases.ToSession(kv.Lease));
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(entries);
    }
}
