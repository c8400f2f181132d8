using Conclave.Consul;
using Conclave.Etcd;
using Conclave.Postgres;
using Conclave.Redis;
using Conclave.Sqlite;
using Conclave.Storage;

namespace Conclave.Torture;

/// <summary>All engines, by their URIs.</summary>
internal static class Stores
{
    public static IStore Open(string uri) =>
        new StoreCatalog().AddSqlite().AddEtcd().AddConsul().AddRedis().AddPostgres().Create(StoreUri.Parse(uri));
}
