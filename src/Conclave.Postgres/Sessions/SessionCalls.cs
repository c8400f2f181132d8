using System.Collections.Immutable;
using Conclave.Storage;
using Npgsql;
using NpgsqlTypes;

namespace Conclave.Postgres;

/// <summary>Opens a session. Repeating it does no harm: it is the same session.</summary>
/// <param name="Where">The namespace.</param>
/// <param name="Id">The new session.</param>
/// <param name="TimeToLive">How long it lives.</param>
/// <param name="Waited">How much of the wait-out passed on our own clock.</param>
/// <param name="Of">How much was left before.</param>
internal sealed record OpenSessionCall(OpenNamespace Where, long Id, TimeSpan TimeToLive, int Waited, int Of) : ICall<(Status Status, int WaitOut)>
{
    public bool IsWrite => false;

    public bool TakesTurn => false;

    public string Sql(string schema) => $"SELECT * FROM {schema}.open_session($1, $2, $3, $4, $5, $6)";

    public void Bind(NpgsqlParameterCollection parameters)
    {
        parameters.Add(new NpgsqlParameter<int> { TypedValue = Where.Id, NpgsqlDbType = NpgsqlDbType.Integer });
        parameters.Add(new NpgsqlParameter<long> { TypedValue = Where.Nonce, NpgsqlDbType = NpgsqlDbType.Bigint });
        parameters.Add(new NpgsqlParameter<long> { TypedValue = Id, NpgsqlDbType = NpgsqlDbType.Bigint });
        parameters.Add(new NpgsqlParameter<int> { TypedValue = (int)Math.Ceiling(TimeToLive.TotalMilliseconds), NpgsqlDbType = NpgsqlDbType.Integer });
        parameters.Add(new NpgsqlParameter<int> { TypedValue = Waited, NpgsqlDbType = NpgsqlDbType.Integer });
        parameters.Add(new NpgsqlParameter<int> { TypedValue = Of, NpgsqlDbType = NpgsqlDbType.Integer });
    }

    public async ValueTask<(Status Status, int WaitOut)> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        return ((Status)reader.GetInt32(0), reader.IsDBNull(1) ? 0 : reader.GetInt32(1));
    }
}

/// <summary>Renews a session. Waits for nothing but its own row.</summary>
internal sealed record RenewSessionCall(OpenNamespace Where, long Id) : ICall<bool>
{
    public bool IsWrite => false;

    public bool TakesTurn => false;

    public string Sql(string schema) => $"SELECT {schema}.renew_session($1, $2)";

    public void Bind(NpgsqlParameterCollection parameters)
    {
        parameters.Add(new NpgsqlParameter<int> { TypedValue = Where.Id, NpgsqlDbType = NpgsqlDbType.Integer });
        parameters.Add(new NpgsqlParameter<long> { TypedValue = Id, NpgsqlDbType = NpgsqlDbType.Bigint });
    }

    public async ValueTask<bool> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        return reader.GetBoolean(0);
    }
}

/// <summary>Ends a session, if its beat is still the given one, or in any case where that is 0.</summary>
internal sealed record EndSessionCall(OpenNamespace Where, long Id, long Beat) : ICall<Status>
{
    public bool IsWrite => false;

    public bool TakesTurn => false;

    public string Sql(string schema) => $"SELECT {schema}.end_session($1, $2, $3, $4)";

    public void Bind(NpgsqlParameterCollection parameters)
    {
        parameters.Add(new NpgsqlParameter<int> { TypedValue = Where.Id, NpgsqlDbType = NpgsqlDbType.Integer });
        parameters.Add(new NpgsqlParameter<long> { TypedValue = Where.Nonce, NpgsqlDbType = NpgsqlDbType.Bigint });
        parameters.Add(new NpgsqlParameter<long> { TypedValue = Id, NpgsqlDbType = NpgsqlDbType.Bigint });
        parameters.Add(new NpgsqlParameter<long> { TypedValue = Beat, NpgsqlDbType = NpgsqlDbType.Bigint });
    }

    public async ValueTask<Status> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        return (Status)reader.GetInt32(0);
    }
}

/// <summary>The last beat, and the sessions whose beat is at most the one of their class; null in another incarnation.</summary>
internal sealed record LookCall(OpenNamespace Where, ImmutableArray<long> Beats) : ICall<BeatLook?>
{
    public bool IsWrite => false;

    public bool TakesTurn => false;

    public string Sql(string schema) => $"SELECT * FROM {schema}.look($1, $2, $3, $4)";

    public void Bind(NpgsqlParameterCollection parameters)
    {
        parameters.Add(new NpgsqlParameter<int> { TypedValue = Where.Id, NpgsqlDbType = NpgsqlDbType.Integer });
        parameters.Add(new NpgsqlParameter<long> { TypedValue = Where.Nonce, NpgsqlDbType = NpgsqlDbType.Bigint });
        parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. ObservedExpiry.Floors], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Integer });
        parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. Beats], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
    }

    public async ValueTask<BeatLook?> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        long? last = null;
        var stale = new List<SessionBeat>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (reader.IsDBNull(0))
            {
                last = reader.GetInt64(1);
            }
            else
            {
                stale.Add(new(SessionNumber.ToId(reader.GetInt64(0)), reader.GetInt64(1), TimeSpan.FromMilliseconds(reader.GetInt32(2))));
            }
        }

        return last is { } beat ? new(beat, stale) : null;
    }
}
