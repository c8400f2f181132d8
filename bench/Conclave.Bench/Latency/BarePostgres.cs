using System.Globalization;
using Conclave.Postgres;
using Conclave.Storage;
using Npgsql;

namespace Conclave.Bench;

/// <summary>What a lock has asked, to be asked again by plain Npgsql: one call that joins, one that leaves.</summary>
internal sealed class BarePostgres : IBarePairs
{
    private readonly NpgsqlDataSource _source;
    private readonly OpenNamespace _where;
    private readonly (Transaction Join, Transaction Leave)[] _pairs;

    private BarePostgres(NpgsqlDataSource source, OpenNamespace where, (Transaction Join, Transaction Leave)[] pairs) => (_source, _where, _pairs) = (source, where, pairs);

    public static async Task<BarePostgres> RecordAsync(PostgresEngine engine, int workers)
    {
        var store = new RecordingStore(engine.Open("record"));

        // left to the end of the process: its session must live while its calls are made again
        var client = new ConclaveClient(store, new() { SessionTimeToLive = TimeSpan.FromMinutes(10) });
        await Measure.AcquireAndReleaseAsync(client.Lock("warm"));
        string?[] row = (await engine.Server.QueryAsync(
            "SELECT n.id, i.nonce, f.lock_class FROM conclave.namespaces n, conclave.incarnations i, conclave.format f WHERE i.ns = n.id AND n.name = 'record'"))[0];
        var where = new OpenNamespace(int.Parse(row[0]!, CultureInfo.InvariantCulture), long.Parse(row[1]!, CultureInfo.InvariantCulture), int.Parse(row[2]!, CultureInfo.InvariantCulture));
        var pairs = new (Transaction, Transaction)[workers];
        for (int i = 0; i < workers; i++)
        {
            store.Sent.Clear();
            await Measure.AcquireAndReleaseAsync(client.Lock($"name/{i}"));
            pairs[i] = (store.Sent[0], store.Sent[1]);
        }

        return new(NpgsqlDataSource.Create(engine.Server.ConnectionString + ";Maximum Pool Size=4;No Reset On Close=true;Max Auto Prepare=10;Auto Prepare Min Usages=2"), where, pairs);
    }

    public async Task SendAsync(int worker)
    {
        var (join, leave) = _pairs[worker];
        long revision = await CallAsync(join);

        // who leaves says which revision of its entry it means
        var condition = Condition.Unchanged(leave.Conditions[0].Key, revision);
        if (await CallAsync(new([condition], leave.Writes.AsSpan(), leave.Reads.AsSpan())) <= revision)
        {
            throw new InvalidOperationException("What was asked again did not write what it wrote at first.");
        }
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    private async Task<long> CallAsync(Transaction transaction)
    {
        var call = new CommitCall(transaction, _where);
        await using var command = _source.CreateCommand(call.Sql("conclave"));
        call.Bind(command.Parameters);
        await using var reader = await command.ExecuteReaderAsync();
        long revision = 0;
        while (await reader.ReadAsync())
        {
            if (reader.GetInt32(0) == -1)
            {
                revision = reader.GetInt64(5) == 0 ? reader.GetInt64(4) : throw new InvalidOperationException($"What was asked again was refused: {(Status)reader.GetInt64(5)}.");
            }
            else
            {
                _ = (reader.GetString(1), reader.GetFieldValue<byte[]>(2), reader.GetInt64(3));
            }
        }

        return revision;
    }
}
