using System.Globalization;
using System.Security.Cryptography;
using Conclave.Storage;
using Npgsql;
using NpgsqlTypes;

namespace Conclave.Postgres;

/// <summary>What is found on the server before anything is done there.</summary>
/// <param name="Version">The format of the schema; null when there is none.</param>
/// <param name="LockClass">The first number of its advisory locks.</param>
internal readonly record struct FoundSchema(int? Version, int LockClass);

/// <summary>Looks at a schema, and brings it to the version this code speaks: once, under a lock, in one transaction.</summary>
internal sealed class Migration(Server server, PostgresStoreOptions options)
{
    /// <summary>The version this code speaks.</summary>
    public const int Version = 1;

    private const int OldestServer = 130000;

    // names mean what they mean in our schema's functions; a short lock_timeout does not reach us; plans are made once, and by index
    private const string Settings = """
        SET search_path = pg_catalog, pg_temp
        SET lock_timeout = 0
        SET enable_seqscan = off
        SET plan_cache_mode = force_generic_plan
        """;

    private const string Look = """
        SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), pg_is_in_recovery(), pg_backend_pid(),
          current_setting('default_transaction_isolation') <> 'read committed' OR current_setting('default_transaction_read_only') = 'on'
            OR current_setting('statement_timeout') <> '0',
          EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = $1 AND c.relname = 'format' AND c.relkind = 'r'),
          pg_catalog.to_regnamespace(pg_catalog.quote_ident($1)) IS NOT NULL
        """;

    /// <summary>Looks, and changes nothing.</summary>
    public ValueTask<FoundSchema> LookAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        LookAsync(connection, Look, cancellationToken);

    private async ValueTask<FoundSchema> LookAsync(NpgsqlConnection connection, string look, CancellationToken cancellationToken)
    {
        bool exists;
        using (var command = new NpgsqlCommand(look, connection) { CommandTimeout = 0 })
        {
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = options.Schema, NpgsqlDbType = NpgsqlDbType.Text });
            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using var _ = reader.ConfigureAwait(false);
            await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            CheckServer(reader.GetInt32(0), reader.GetString(1), reader.GetBoolean(2));
            if (options.Pooler ?? reader.GetInt32(3) != connection.ProcessID)
            {
                // what lends its connections makes up the number with which a connection is cancelled
                server.ExpectPooler();
            }

            if (reader.GetBoolean(4))
            {
                server.BeStrict();
            }

            exists = reader.GetBoolean(5);
        }

        return exists ? await ReadFormatAsync(connection, cancellationToken).ConfigureAwait(false) : default;
    }

    /// <summary>Creates what is missing.</summary>
    public async ValueTask<FoundSchema> MigrateAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await ExecuteAsync(connection, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", cancellationToken).ConfigureAwait(false);
        try
        {
            await ExecuteAsync(connection, "SET LOCAL statement_timeout = 0", cancellationToken).ConfigureAwait(false);
            await ExecuteAsync(connection, "SET LOCAL lock_timeout = 0", cancellationToken).ConfigureAwait(false);
            await ExecuteAsync(connection, "SET LOCAL idle_in_transaction_session_timeout = 0", cancellationToken).ConfigureAwait(false);
            await ExecuteAsync(connection, "SET LOCAL search_path = pg_catalog, pg_temp", cancellationToken).ConfigureAwait(false);
            await ExecuteAsync(
                connection, $"SELECT pg_advisory_xact_lock(hashtextextended('conclave {options.Schema}', 0))", cancellationToken).ConfigureAwait(false);

            // another text than the first look: what is sent twice would be prepared, and there may be a pooler
            var found = await LookAsync(connection, Look + " -- again", cancellationToken).ConfigureAwait(false);
            if (found.Version is null)
            {
                found = new(Version, RandomNumberGenerator.GetInt32(1, int.MaxValue - 1));
                await CreateAsync(connection, found.LockClass, cancellationToken).ConfigureAwait(false);
            }

            await ExecuteAsync(connection, "COMMIT", cancellationToken).ConfigureAwait(false);
            return found;
        }
        catch (PostgresException e) when (Failures.IsRolledBack(e))
        {
            await ExecuteAsync(connection, "ROLLBACK", cancellationToken).ConfigureAwait(false);
            throw;
        }
    }

    private async ValueTask CreateAsync(NpgsqlConnection connection, int lockClass, CancellationToken cancellationToken)
    {
        using (var exists = new NpgsqlCommand("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", connection) { CommandTimeout = 0 })
        {
            exists.Parameters.Add(new NpgsqlParameter<string> { TypedValue = options.Schema, NpgsqlDbType = NpgsqlDbType.Text });
            if (!(bool)(await exists.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!)
            {
                // not IF NOT EXISTS: that asks for the right to create it in any case
                await ExecuteAsync(connection, $"CREATE SCHEMA {server.Schema}", cancellationToken).ConfigureAwait(false);
            }
        }

        await ExecuteAsync(connection, Fill(Script("tables.sql"), lockClass), cancellationToken).ConfigureAwait(false);
        await ExecuteAsync(connection, Fill(Script("functions.sql"), lockClass), cancellationToken).ConfigureAwait(false);
        await ExecuteAsync(
            connection,
            string.Create(CultureInfo.InvariantCulture, $"INSERT INTO {server.Schema}.format VALUES ({Version}, {lockClass})"),
            cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<FoundSchema> ReadFormatAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        using var command = new NpgsqlCommand($"SELECT version, lock_class FROM {server.Schema}.format", connection) { CommandTimeout = 0 };
        var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = reader.ConfigureAwait(false);
        if (!await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            throw new StoreFormatException($"The schema {server.Schema} at {server.Address} is damaged: its table 'format' is empty.");
        }

        int version = reader.GetInt32(0);
        return version <= Version ? new(version, reader.GetInt32(1)) : throw new StoreFormatException(
            $"The schema {server.Schema} at {server.Address} was written by a newer Conclave (format {version}, this one reads {Version}); upgrade this process.");
    }

    private void CheckServer(int version, string encoding, bool isStandby)
    {
        if (version < OldestServer)
        {
            throw new StoreConfigurationException($"PostgreSQL at {server.Address} is version {version / 10000}; 13 is the oldest that will do.");
        }

        if (encoding != "UTF8")
        {
            throw new StoreConfigurationException($"The database at {server.Address} has the encoding {encoding}; keys need one with UTF8.");
        }

        if (isStandby)
        {
            throw new StoreUnavailableException($"PostgreSQL at {server.Address} is a standby; name the primary, or all of them.");
        }
    }

    private string Fill(string script, int lockClass) => script
        .Replace("{settings}", Settings, StringComparison.Ordinal)
        .Replace("{schema}", server.Schema, StringComparison.Ordinal)
        .Replace("{lock_class}", lockClass.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{listen_class}", (lockClass + 1).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{epoch_key}", StoreNames.EpochKey, StringComparison.Ordinal)
        .Replace("{max_epoch}", StoreEpoch.Max.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

    private static string Script(string name)
    {
        using var reader = new StreamReader(typeof(Migration).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }

    private static async ValueTask ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }
}
