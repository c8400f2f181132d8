using System.Globalization;
using Conclave.Storage;
using Npgsql;

namespace Conclave.Postgres;

/// <summary>Makes Npgsql's pools: only what we need of it, so that it can be trimmed.</summary>
internal static class DataSources
{
    private const int PreparedStatements = 16;

    public static NpgsqlDataSource Build(PostgresStoreOptions options, IReadOnlyList<StoreHost> hosts, bool prepares, bool isPooled = true)
    {
        var builder = new NpgsqlSlimDataSourceBuilder();
        builder.EnableArrays();
        builder.EnableTransportSecurity();
        var parts = builder.ConnectionStringBuilder;
        parts.Host = string.Join(',', hosts.Select(h => string.Create(
            CultureInfo.InvariantCulture, $"{(h.Name.Contains(':', StringComparison.Ordinal) ? $"[{h.Name}]" : h.Name)}:{h.Port ?? PostgresStoreOptions.DefaultPort}")));
        parts.Username = options.User;
        parts.Password = options.Password;
        parts.Database = options.Database;
        parts.ApplicationName = "conclave";
        parts.SslMode = options.SslMode;
        parts.RootCertificate = options.RootCertificateFile;
        parts.Timeout = (int)Math.Ceiling(options.ConnectTimeout.TotalSeconds);

        // an answer that is late is given up by our own clock; then the server is asked to cancel, for this long
        parts.CommandTimeout = 0;
        parts.CancellationTimeout = 500;
        parts.Pooling = isPooled;
        parts.MinPoolSize = 0;
        parts.MaxPoolSize = options.MaxConnections + 1;

        // what we call leaves nothing behind that would have to be reset
        parts.NoResetOnClose = true;
        parts.MaxAutoPrepare = prepares ? PreparedStatements : 0;
        parts.AutoPrepareMinUsages = 2;

        // only types that every server knows by the same number
        builder.ConfigureTypeLoading(static types => types.EnableTypeLoading(false));
        if (hosts.Count == 1)
        {
            return builder.Build();
        }

        parts.HostRecheckSeconds = 2;
        return builder.BuildMultiHost().WithTargetSession(TargetSessionAttributes.Primary);
    }
}
