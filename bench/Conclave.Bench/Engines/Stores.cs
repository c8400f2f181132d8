using Conclave.Consul;
using Conclave.Etcd;
using Conclave.Postgres;
using Conclave.Redis;
using Conclave.Sqlite;
using Conclave.Storage;

namespace Conclave.Bench;

/// <summary>Stores by URI, which tell of each request that they send. The two without a server tell of commits and renewals.</summary>
internal static class Stores
{
    public static IStore Open(string uri, Action? onRequest = null)
    {
        if (uri == "memory:")
        {
            return onRequest is null ? new MemoryStore() : new CallingStore(new MemoryStore(), onRequest);
        }

        var parsed = StoreUri.Parse(uri);
        if (onRequest is null)
        {
            return new StoreCatalog().AddSqlite().AddEtcd().AddConsul().AddRedis().AddPostgres().Create(parsed);
        }

        switch (parsed.Scheme)
        {
            case "etcd":
                var etcd = EtcdStoreProvider.ToOptions(parsed);
                var count = new WireCount { OnRequest = onRequest };
                return new EtcdStore(etcd, host => new CountingWire(new GrpcWire(host, etcd, TimeProvider.System), count));
            case "consul":
                var consul = ConsulStoreProvider.ToOptions(parsed);
                return new ConsulStore(consul, host => new WatchedAgent(new HttpAgent(host, consul, TimeProvider.System), (_, _) => onRequest()));
            case "redis":
                return new RedisStore(new RedisStoreProvider().Parse(parsed) with { OnCommand = _ => onRequest() });
            case "postgres":
                return new PostgresStore(PostgresStoreProvider.ToOptions(parsed) with { OnCall = onRequest });
            default:
                return new CallingStore(new SqliteStore(parsed.Path), onRequest);
        }
    }
}

/// <summary>Tells of each answer of an agent.</summary>
internal sealed class WatchedAgent(IAgent inner, Action<ConsulRequest, ConsulAnswer> onAnswer) : IAgent
{
    public string Address => inner.Address;

    public async ValueTask<ConsulAnswer> CallAsync(ConsulRequest request, CancellationToken cancellationToken)
    {
        var answer = await inner.CallAsync(request, cancellationToken);
        onAnswer(request, answer);
        return answer;
    }

    public void Dispose() => inner.Dispose();
}
