using Conclave.Etcd;
using Conclave.Etcd.Messages;
using Google.Protobuf;
using Npgsql;

namespace Conclave.Bench;

/// <summary>A get and a set as the engine itself has them.</summary>
internal static class BareMap
{
    private static readonly string Value = new('x', 100);

    public static async Task<(Func<Task> GetAsync, Func<Task> SetAsync)> ConnectAsync(Engine engine)
    {
        switch (engine)
        {
            case EtcdEngine etcd:
                var wire = await EtcdWires.ConnectAsync(etcd.Server);
                return (
                    async () => await wire.CallAsync(EtcdApi.Range, new RangeRequest { Key = ByteString.CopyFromUtf8("bare/x") }, EtcdWires.Call, default),
                    () => EtcdWires.PutAsync(wire, "bare/x"));
            case ConsulEngine consul:
                var http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new(consul.Server.Endpoint) };
                async Task PutAsync()
                {
                    using var put = await http.PutAsync("v1/kv/bare/x", new StringContent(Value));
                    put.EnsureSuccessStatusCode();
                }

                await PutAsync();
                return (async () => await http.GetByteArrayAsync("v1/kv/bare/x?consistent"), PutAsync);
            case RedisEngine redis:
                var connection = await RedisWire.ConnectAsync(redis.Server);
                return (
                    () => connection.SendAsync(new Words<bool>(["GET", "bare"], RedisWire.Skip), default),
                    () => connection.SendAsync(new Words<bool>(["SET", "bare", Value], RedisWire.Skip), default));
            case PostgresEngine postgres:
                var source = NpgsqlDataSource.Create(postgres.Server.ConnectionString + ";Maximum Pool Size=1;No Reset On Close=true;Max Auto Prepare=10;Auto Prepare Min Usages=2");
                async Task AskAsync(string sql)
                {
                    await using var command = source.CreateCommand(sql);
                    await command.ExecuteScalarAsync();
                }

                await AskAsync("CREATE TABLE bare_map(name text PRIMARY KEY, value text)");
                return (
                    () => AskAsync("SELECT value FROM bare_map WHERE name = 'x'"),
                    () => AskAsync($"INSERT INTO bare_map VALUES ('x', '{Value}') ON CONFLICT (name) DO UPDATE SET value = excluded.value"));
            default:
                // an entry of a map outlives a power cut, as ours does
                var file = new BareSqlite(
                    ((SqliteEngine)engine).File("bare"), "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE bare(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID");
                var get = file.Prepare("SELECT value FROM bare WHERE name = 'x'");

                // another value each time: SQLite writes nothing where nothing differs
                var set = file.Prepare("INSERT OR REPLACE INTO bare VALUES ('x', hex(randomblob(50)))");
                return (() => BareSqlite.RunAsync(get), () => BareSqlite.RunAsync(set));
        }
    }
}
