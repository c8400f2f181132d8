using System.Net.Sockets;
using System.Security.Authentication;
using Conclave.Storage;
using Npgsql;

namespace Conclave.Postgres;

/// <summary>What an error of the server, or of the way to it, proves. The closed list of this engine is here.</summary>
internal static class Failures
{
    private const string UndefinedTable = "42P01";
    private const string UndefinedFunction = "42883";
    private const string InvalidSchema = "3F000";

    /// <summary>
    /// Whether the server proved that nothing was applied. A statement that is answered with ERROR was rolled back, also when it failed as it
    /// committed. FATAL and PANIC prove nothing: they end the connection, and one of them is sent for a commit that is on the disk already and
    /// waited for a standby when the administrator ended the session (57P01).
    /// </summary>
    public static bool IsRolledBack(PostgresException e) => e.InvariantSeverity == "ERROR";

    /// <summary>Another try may end differently: conflicts, and the limits that somebody set on the database, which we can override.</summary>
    public static bool IsWorthRepeating(PostgresException e) => e.SqlState is
        PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.LockNotAvailable
        or PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.ReadOnlySqlTransaction;

    /// <summary>The statement that was prepared is not there, or is another: a pooler gave us a connection on which we did not prepare it.</summary>
    public static bool IsForeignStatement(PostgresException e) => e.SqlState is
        PostgresErrorCodes.InvalidSqlStatementName or PostgresErrorCodes.DuplicatePreparedStatement or PostgresErrorCodes.ProtocolViolation;

    /// <summary>The schema is not there any more, or a newer one: look again before anything is said.</summary>
    public static bool IsMissingSchema(PostgresException e) => e.SqlState is UndefinedTable or UndefinedFunction or InvalidSchema;

    /// <summary>What a caller is told when no connection could be had. Nothing was sent.</summary>
    public static Exception NotConnected(Exception e, string address, string schema) => e switch
    {
        PostgresException refused => Answered(refused, address, schema),
        ConclaveException or OperationCanceledException or ObjectDisposedException => e,
        NpgsqlException { InnerException: AuthenticationException inner } =>
            new StoreAccessException($"The TLS connection to PostgreSQL at {address} failed: {inner.Message}.", e),
        NpgsqlException when e.Message.Contains("SSL", StringComparison.Ordinal) || e.Message.Contains("password", StringComparison.OrdinalIgnoreCase) =>
            new StoreAccessException($"PostgreSQL at {address} cannot be entered: {e.Message}.", e),
        _ => new StoreUnavailableException($"PostgreSQL at {address} does not answer: {Innermost(e)}", e),
    };

    /// <summary>What a caller is told when the server answered with an error that proves that nothing was applied.</summary>
    public static ConclaveException Answered(PostgresException e, string address, string schema)
    {
        string words = $"PostgreSQL at {address} answered: {e.MessageText} ({e.SqlState})";
        if (e.SqlState.StartsWith("28", StringComparison.Ordinal))
        {
            return new StoreAccessException($"{words}; check the user and its password.", e);
        }

        return e.SqlState switch
        {
            PostgresErrorCodes.InsufficientPrivilege => new StoreAccessException(
                $"{words}. Let the owner of the database run: CREATE SCHEMA {schema} AUTHORIZATION <user>; "
                + $"or, where the schema is another user's: GRANT USAGE, CREATE ON SCHEMA {schema} TO <user>; "
                + $"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO <user>; GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {schema} TO <user>;", e),
            PostgresErrorCodes.InvalidCatalogName => new StoreConfigurationException($"{words}; create the database.", e),
            PostgresErrorCodes.DataCorrupted or PostgresErrorCodes.IndexCorrupted => new StoreFormatException($"{words}.", e),
            _ => new StoreUnavailableException($"{words}; nothing was applied.", e),
        };
    }

    /// <summary>What a caller is told when the connection was lost, or did not answer in time, after something may have been sent.</summary>
    public static ConclaveException Lost(Exception e, bool isWrite, string address) => isWrite
        ? new OutcomeUnknownException($"A commit was sent to PostgreSQL at {address} and not answered: {Innermost(e)} It may or may not have been applied.", e)
        : new StoreUnavailableException($"PostgreSQL at {address} did not answer: {Innermost(e)}", e);

    public static StoreUnavailableException GaveUp(string address) => new($"PostgreSQL at {address} refused a commit again and again; nothing was applied.");

    public static SessionExpiredException SessionGone(string session) => new($"The session {session} is gone.");

    // the message of a socket names the trouble, those around it only say that there is one
    private static string Innermost(Exception e)
    {
        while (e.InnerException is { } inner && e is not SocketException)
        {
            e = inner;
        }

        string text = e is PostgresException server ? $"{server.MessageText} ({server.SqlState})" : e.Message;
        return text.EndsWith('.') ? text : text + ".";
    }
}
