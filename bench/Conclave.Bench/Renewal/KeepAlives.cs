using Conclave.Etcd;
using Conclave.Etcd.Messages;
using Conclave.Redis;
using Npgsql;

namespace Conclave.Bench;

/// <summary>The least that an engine can be asked for, so that something stays alive: without a session of ours, over a bare connection.</summary>
internal static class KeepAlives
{
    /// <returns>What it is, and a call of it.</returns>
    public static async Task<(string Name, Func<Task> CallAsync)> ConnectAsync(Engine engine)
    {
        switch (engine)
        {
            case EtcdEngine etcd:
                var wire = await EtcdWires.ConnectAsync(etcd.Server);
                var lease = await wire.CallAsync(EtcdApi.LeaseGrant, new LeaseGrantRequest { Ttl = 600 }, EtcdWires.Call, default);
                return ("a bare LeaseKeepAlive", async () => await wire.CallAsync(EtcdApi.LeaseKeepAlive, new LeaseKeepAliveRequest { Id = lease.Id }, EtcdWires.Call, default));
            case ConsulEngine consul:
                var http = new HttpClient(new SocketsHttpHandler()) { BaseAddress = new(consul.Server.Endpoint) };
                using (var created = await http.PutAsync("v1/session/create", new StringContent("{\"TTL\":\"600s\"}")))
                {
                    string id = (await created.Content.ReadAsStringAsync()).Split('"')[3];
                    return ("a bare session renewal by HttpClient", async () =>
                    {
                        using var renewed = await http.PutAsync($"v1/session/renew/{id}", null);
                        renewed.EnsureSuccessStatusCode();
                    }
                    );
                }

            case RedisEngine redis:
                var connection = await RedisWire.ConnectAsync(redis.Server);
                await connection.SendAsync(new Words<bool>(["SET", "bare", "1"], RedisWire.Skip), default);
                return ("a bare PEXPIRE", () => connection.SendAsync(new Words<bool>(["PEXPIRE", "bare", "600000"], RedisWire.Skip), default));
            case PostgresEngine postgres:
                var source = NpgsqlDataSource.Create(postgres.Server.ConnectionString + ";Maximum Pool Size=1;No Reset On Close=true;Max Auto Prepare=10;Auto Prepare Min Usages=2");
                await using (var make = source.CreateCommand("CREATE UNLOGGED TABLE bare(id int PRIMARY KEY, beat bigint); INSERT INTO bare VALUES (1, 0)"))
                {
                    await make.ExecuteNonQueryAsync();
                }

                return ("a bare UPDATE of an unlogged row by Npgsql", async () =>
                {
                    await using var command = source.CreateCommand("UPDATE bare SET beat = beat + 1 WHERE id = 1");
                    await command.ExecuteNonQueryAsync();
                }
                );
            default:
                var file = new BareSqlite(
                    ((SqliteEngine)engine).File("bare"),
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE bare(id INTEGER PRIMARY KEY, until INTEGER); INSERT INTO bare VALUES (1, 0)");
                var update = file.Prepare("UPDATE bare SET until = until + 1 WHERE id = 1");
                return ("a bare prepared UPDATE of a row", () => BareSqlite.RunAsync(update));
        }
    }
}
