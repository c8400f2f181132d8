using Npgsql;

namespace Conclave.Postgres;

/// <summary>Asks for the server's wall clock.</summary>
internal sealed record ServerTimeCall : ICall<DateTimeOffset>
{
    public bool IsWrite => false;

    public bool TakesTurn => false;

    public string Sql(string schema) => "SELECT clock_timestamp()";

    public void Bind(NpgsqlParameterCollection parameters)
    {
    }

    public async ValueTask<DateTimeOffset> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        return reader.GetFieldValue<DateTimeOffset>(0);
    }
}
