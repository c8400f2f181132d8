using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Conclave.Storage;
using Npgsql;
using NpgsqlTypes;

namespace Conclave.Postgres;

/// <summary>What a function of ours answers.</summary>
internal enum Status
{
    Applied = 0,
    Refused = 1,
    OtherIncarnation = 2,
    WrongIsolation = 3,
    SessionGone = 4,
    Suspects = 5,
    Wait = 6,
    NoNamespace = 7,
    BadEpoch = 8,
}

/// <summary>What a commit was answered: a result, or why there is none.</summary>
internal readonly record struct CommitAnswer(Status Status, CommitResult? Result, ImmutableArray<SessionBeat> Suspects);

/// <summary>A transaction as one call of the function <c>commit</c>.</summary>
internal sealed class CommitCall : ICall<CommitAnswer>
{
    private readonly Transaction _transaction;
    private readonly OpenNamespace _namespace;
    private readonly string[] _checkKeys;
    private readonly long[] _checkRevisions;
    private readonly string[] _keys;
    private readonly byte[]?[] _values;
    private readonly long[] _sessions;
    private readonly string[] _lower;
    private readonly string[] _upper;
    private readonly int[] _limits;

    /// <summary>Builds the call.</summary>
    /// <exception cref="SessionExpiredException">A put names a session that was never ours.</exception>
    public CommitCall(Transaction transaction, OpenNamespace where)
    {
        (_transaction, _namespace) = (transaction, where);
        var (conditions, writes, reads) = (transaction.Conditions, transaction.Writes, transaction.Reads);
        (_checkKeys, _checkRevisions) = (new string[conditions.Length], new long[conditions.Length]);
        for (int i = 0; i < conditions.Length; i++)
        {
            (_checkKeys[i], _checkRevisions[i]) = (conditions[i].Key, conditions[i].Revision);
        }

        (_keys, _values, _sessions) = (new string[writes.Length], new byte[]?[writes.Length], new long[writes.Length]);
        for (int i = 0; i < writes.Length; i++)
        {
            var write = writes[i];
            _keys[i] = write.Key;
            _values[i] = write.IsDelete ? null : ToArray(write.Value);
            _sessions[i] = write.Session is not { } session ? 0
                : SessionNumber.TryParse(session, out long number) ? number : throw Failures.SessionGone(session.Value);
        }

        (_lower, _upper, _limits) = (new string[reads.Length], new string[reads.Length], new int[reads.Length]);
        for (int i = 0; i < reads.Length; i++)
        {
            ((_lower[i], _upper[i]), _limits[i]) = (KeyRange.Of(reads[i]), reads[i].Limit);
        }
    }

    public bool IsWrite => !_transaction.IsReadOnly;

    public bool TakesTurn => true;

    public string Sql(string schema) => $"SELECT * FROM {schema}.commit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

    public void Bind(NpgsqlParameterCollection parameters)
    {
        parameters.Add(new NpgsqlParameter<int> { TypedValue = _namespace.Id, NpgsqlDbType = NpgsqlDbType.Integer });
        parameters.Add(new NpgsqlParameter<long> { TypedValue = _namespace.Nonce, NpgsqlDbType = NpgsqlDbType.Bigint });
        parameters.Add(new NpgsqlParameter<string[]> { TypedValue = _checkKeys, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        parameters.Add(new NpgsqlParameter<long[]> { TypedValue = _checkRevisions, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        parameters.Add(new NpgsqlParameter<string[]> { TypedValue = _keys, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        parameters.Add(new NpgsqlParameter<byte[]?[]> { TypedValue = _values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea });
        parameters.Add(new NpgsqlParameter<long[]> { TypedValue = _sessions, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        parameters.Add(new NpgsqlParameter<string[]> { TypedValue = _lower, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        parameters.Add(new NpgsqlParameter<string[]> { TypedValue = _upper, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        parameters.Add(new NpgsqlParameter<int[]> { TypedValue = _limits, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Integer });
    }

    public async ValueTask<CommitAnswer> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        var reads = new ImmutableArray<Entry>.Builder?[_lower.Length];
        ImmutableArray<SessionBeat>.Builder? suspects = null;
        long revision = 0;
        var status = Status.OtherIncarnation;
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            int part = reader.GetInt32(0);
            if (part >= 0)
            {
                (reads[part] ??= ImmutableArray.CreateBuilder<Entry>()).Add(ReadEntry(reader));
            }
            else if (part == -2)
            {
                (suspects ??= ImmutableArray.CreateBuilder<SessionBeat>()).Add(new(
                    SessionNumber.ToId(reader.GetInt64(5)), reader.GetInt64(3), TimeSpan.FromMilliseconds(reader.GetInt64(4))));
            }
            else
            {
                status = (Status)reader.GetInt64(5);
                revision = reader.IsDBNull(4) ? 0 : reader.GetInt64(4);
            }
        }

        return new(
            status,
            status is Status.Applied or Status.Refused ? new(status == Status.Applied, revision, Collect(reads)) : null,
            suspects?.DrainToImmutable() ?? []);
    }

    /// <summary>What a namespace answers that nobody has used yet, so that looking at it does not create it.</summary>
    public static CommitResult AnswerOfNothing(Transaction transaction) =>
        new(transaction.Conditions.All(c => c.Revision == 0), 0, [.. transaction.Reads.Select(_ => ImmutableArray<Entry>.Empty)]);

    private static Entry ReadEntry(NpgsqlDataReader reader)
    {
        long session = reader.GetInt64(5);
        return new(
            reader.GetString(1), reader.GetFieldValue<byte[]>(2), reader.GetInt64(3), reader.GetInt64(4), session == 0 ? null : SessionNumber.ToId(session));
    }

    private static ImmutableArray<ImmutableArray<Entry>> Collect(ImmutableArray<Entry>.Builder?[] reads)
    {
        var answers = new ImmutableArray<Entry>[reads.Length];
        for (int i = 0; i < answers.Length; i++)
        {
            answers[i] = reads[i]?.DrainToImmutable() ?? [];
        }

        return ImmutableCollectionsMarshal.AsImmutableArray(answers);
    }

    private static byte[] ToArray(ReadOnlyMemory<byte> value) =>
        MemoryMarshal.TryGetArray(value, out var segment) && segment.Array is { } array && segment.Offset == 0 && segment.Count == array.Length
            ? array
            : value.ToArray();
}
