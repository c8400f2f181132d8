using System.Collections.Concurrent;
using System.Text;
using Conclave.Storage;
using Npgsql;

namespace Conclave.Alternatives;

/// <summary>
/// <c>pg_try_advisory_lock</c>: fast, and gone with its connection, of which it takes one for each holder. No order, no token,
/// and a holder whose connection is cut does not hear of it before it uses it again.
/// </summary>
internal sealed class PostgresLock : PollingLock
{
    private readonly NpgsqlDataSource _source;
    private readonly ConcurrentDictionary<string, NpgsqlConnection> _held = new();

    public PostgresLock(StoreHost host, TimeSpan pause)
        : base(pause) => _source = NpgsqlDataSource.Create(
            $"Host={host.Name};Port={host.Port};Username=postgres;Database=postgres;Maximum Pool Size=150;No Reset On Close=true;Max Auto Prepare=10;Auto Prepare Min Usages=2");

    public override async Task<bool> TryAcquireAsync(string name)
    {
        var connection = await _source.OpenConnectionAsync();
        if (await AskAsync(connection, "SELECT pg_try_advisory_lock($1)", name))
        {
            _held[name] = connection;
            return true;
        }

        await connection.DisposeAsync();
        return false;
    }

    public override async Task ReleaseAsync(string name)
    {
        if (_held.TryRemove(name, out var connection))
        {
            await AskAsync(connection, "SELECT pg_advisory_unlock($1)", name);
            await connection.DisposeAsync();
        }
    }

    public override ValueTask DisposeAsync() => _source.DisposeAsync();

    private async Task<bool> AskAsync(NpgsqlConnection connection, string sql, string name)
    {
        Count();
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = KeyOf(name) });
        return (bool)(await command.ExecuteScalarAsync())!;
    }

    // a name is a number there: the first eight bytes of a hash, the same in every process (FNV-1a)
    private static long KeyOf(string name)
    {
        ulong hash = 14695981039346656037;
        foreach (byte letter in Encoding.UTF8.GetBytes(name))
        {
            hash = (hash ^ letter) * 1099511628211;
        }

        return (long)hash;
    }
}
