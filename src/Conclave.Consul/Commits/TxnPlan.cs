using System.Collections.Immutable;
using Conclave.Storage;

namespace Conclave.Consul;

/// <summary>What was read before a commit that one transaction of Consul cannot decide.</summary>
/// <param name="Marker">The index of the marker at that instant.</param>
/// <param name="Found">The keys that exist, with their indexes.</param>
internal sealed record Look(long Marker, IReadOnlyDictionary<string, long> Found);

/// <summary>
/// Turns a transaction into one of Consul, whose transactions cannot branch: conditions, guards, writes, the marker, reads, in this order.
/// </summary>
internal sealed class TxnPlan
{
    private const int MaxOperations = 64;

    private readonly TxnBody _body = new();
    private readonly Transaction _transaction;
    private readonly ConsulKeys _keys;
    private readonly Look? _look;
    private int _guards;

    private TxnPlan(Transaction transaction, ConsulKeys keys, Look? look) => (_transaction, _keys, _look) = (transaction, keys, look);

    /// <summary>The body to send.</summary>
    public ReadOnlyMemory<byte> Body { get; private set; }

    /// <summary>False when there is nothing to write, whatever the transaction says.</summary>
    public bool Writes { get; private set; }

    /// <summary>Where in an answer the marker is; what was asked for follows.</summary>
    public int MarkerAt { get; private set; }

    /// <summary>The position of the operation that gets the marker, or -1 where it is set.</summary>
    public int MarkerGet { get; private set; } = -1;

    /// <summary>Whether an operation that failed is one of the caller's conditions.</summary>
    public bool IsCondition(int operation) => operation < _transaction.Conditions.Length;

    /// <summary>Whether an operation that failed is a guard of our own: what was read before is not so any more.</summary>
    public bool IsGuard(int operation) => !IsCondition(operation) && operation < _guards;

    /// <summary>
    /// The keys that have to be read first: those put with a session that may exist or not, because only a new key is bound to it; and those deleted
    /// by a commit that only deletes, because it draws no revision if there is nothing to delete. What the conditions say about a key is enough.
    /// </summary>
    public static ImmutableArray<string> KeysToLookAt(Transaction transaction)
    {
        var unknown = transaction.Writes.Where(w => Expects(transaction, w.Key) is null).ToArray();
        if (unknown.Length == 0)
        {
            return [];
        }

        bool onlyDeletes = transaction.Writes.All(w => w.IsDelete) && transaction.Writes.All(w => Expects(transaction, w.Key) is null or 0);
        return [.. unknown.Where(w => onlyDeletes || w.Session is not null).Select(w => w.Key)];
    }

    /// <exception cref="SessionExpiredException">A put names a session that Consul cannot have made.</exception>
    /// <exception cref="StoreConfigurationException">It does not fit into one transaction of Consul.</exception>
    public static TxnPlan Build(Transaction transaction, ConsulKeys keys, Look? look = null)
    {
        var plan = new TxnPlan(transaction, keys, look);
        plan.AddConditions();
        plan.Writes = transaction.Writes.Any(plan.IsEffective);
        if (plan.Writes)
        {
            plan.AddWrites();
        }
        else
        {
            plan.AddNothing();
        }

        plan.MarkerAt = plan._body.Echoes - 1;
        plan.AddReads();
        if (plan._body.Count > MaxOperations)
        {
            throw new StoreConfigurationException(
                $"The transaction needs {plan._body.Count} operations of Consul, which takes {MaxOperations}: it puts existing keys with too many different sessions.");
        }

        plan.Body = plan._body.Finish();
        return plan;
    }

    /// <summary>A transaction without the caller's conditions and writes: the state, after a refusal.</summary>
    public static TxnPlan BuildReads(Transaction transaction, ConsulKeys keys) => Build(new(reads: transaction.Reads.AsSpan()), keys);

    private void AddConditions()
    {
        foreach (var condition in _transaction.Conditions)
        {
            if (condition.Revision == 0)
            {
                _body.CheckNotExists(_keys.Of(condition.Key));
            }
            else
            {
                _body.CheckIndex(_keys.Of(condition.Key), condition.Revision);
            }
        }
    }

    /// <summary>All that is deleted is absent: it must be still, and then the commit only reads.</summary>
    private void AddNothing()
    {
        foreach (var write in _transaction.Writes)
        {
            if (Expects(_transaction, write.Key) is null)
            {
                _body.CheckNotExists(_keys.Of(write.Key));
            }
        }

        _guards = _body.Count;
        MarkerGet = _body.Count;
        _body.Get(_keys.Marker);
    }

    private void AddWrites()
    {
        // every session that a put names has to be alive, also where the key exists and keeps the session it has
        var proven = _transaction.Writes.Where(w => w.Session is not null && Existing(w.Key) == 0).Select(w => w.Session!.Value).ToHashSet();
        AddGuards(_transaction.Writes.Where(w => w.Session is not null && Expects(_transaction, w.Key) is null && Existing(w.Key) == 0).ToArray());
        foreach (var write in _transaction.Writes)
        {
            string key = _keys.Of(write.Key);
            if (write.IsDelete)
            {
                if (Expects(_transaction, write.Key) != 0)
                {
                    _body.Delete(key);
                }
            }
            else
            {
                AddPut(write, key, proven);
            }
        }

        _body.Set(_keys.Marker, default, NextFlags());
    }

    private void AddGuards(Write[] created)
    {
        // one key that is deleted must still be there, or the commit would draw a revision for nothing
        if (_look is not null && _transaction.Writes.All(w => w.IsDelete))
        {
            var (key, index) = _look.Found.First();
            _body.CheckIndex(_keys.Of(key), index);
        }

        // A key that is absent can only have come with a commit, and every commit moves the marker: one guard for all where one for each is too much.
        int others = _transaction.Conditions.Length + _transaction.Writes.Length + _transaction.Reads.Length + 2;
        if (created.Length > 1 && others + created.Length > MaxOperations)
        {
            _body.CheckIndex(_keys.Marker, _look!.Marker);
        }
        else
        {
            foreach (var write in created)
            {
                _body.CheckNotExists(_keys.Of(write.Key));
            }
        }

        _guards = _body.Count;
    }

    private void AddPut(Write write, string key, HashSet<SessionId> proven)
    {
        var value = write.Value.Span;
        if (write.Session is not { } session)
        {
            _body.Set(key, value, NextFlags());
            return;
        }

        string id = Sessions.Check(session);
        if (Existing(write.Key) is not (> 0 and var index))
        {
            _body.Lock(key, value, NextFlags(), id);
            return;
        }

        if (Expects(_transaction, write.Key) is null)
        {
            _body.Cas(key, value, NextFlags(), index);
        }
        else
        {
            _body.Set(key, value, NextFlags());
        }

        if (proven.Add(session))
        {
            // a lock for a session that is gone makes the whole transaction fail
            _body.Lock(_keys.Liveness(id), default, 0, id);
        }
    }

    /// <summary>
    /// What is asked for, each key once: an answer does not say which operation found it, so no prefix may lie within another.
    /// </summary>
    private void AddReads()
    {
        string? last = null;
        foreach (string prefix in _transaction.Reads.Select(r => r.IsScan ? _keys.Prefix(r.Key) : _keys.Of(r.Key)).Order(StringComparer.Ordinal))
        {
            if (last is null || !prefix.StartsWith(last, StringComparison.Ordinal))
            {
                _body.GetTree(prefix);
                last = prefix;
            }
        }
    }

    private bool IsEffective(Write write) =>
        !write.IsDelete || (Expects(_transaction, write.Key) ?? (_look is null ? 1 : Existing(write.Key))) > 0;

    /// <summary>The index a key has if the transaction is applied: 0 for absent, -1 for unknown.</summary>
    private long Existing(string key) => Expects(_transaction, key) ?? (_look is null ? -1 : _look.Found.GetValueOrDefault(key));

    // a put of equal bytes with equal flags changes nothing in Consul, not even the index: so no two puts have equal flags
    private static ulong NextFlags() => (ulong)Random.Shared.NextInt64();

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
