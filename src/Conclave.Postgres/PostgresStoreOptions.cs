using System.Text;
using Conclave.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Conclave.Postgres;

/// <summary>Where a <see cref="PostgresStore"/> finds its server, and how it introduces itself. Printing it never shows the password.</summary>
public sealed record PostgresStoreOptions
{
    internal const int DefaultPort = 5432;

    private const int MaxHosts = 16;
    private const int MaxSchemaBytes = 63;

    /// <summary>The servers, in the order to try them: a primary and its standbys. Port 5432 where none is given.</summary>
    /// <value>None; needed unless <see cref="DataSource"/> is set.</value>
    public IReadOnlyList<StoreHost> Hosts { get; init; } = [];

    /// <summary>The database, or null for the one that is named like the user.</summary>
    /// <value>null.</value>
    public string? Database { get; init; }

    /// <summary>The user, or null for the one the environment names.</summary>
    /// <value>null.</value>
    public string? User { get; init; }

    /// <summary>The password, or null where the server asks for none.</summary>
    /// <value>null.</value>
    public string? Password { get; init; }

    /// <summary>
    /// A data source of the application, instead of hosts and user; the store does not dispose it. Its pool must have room for
    /// <see cref="MaxConnections"/> and one more. Statements are prepared only if it says so.
    /// </summary>
    /// <value>null.</value>
    public NpgsqlDataSource? DataSource { get; init; }

    /// <summary>The schema that holds the tables. It is created with the first use, where the user may do so.</summary>
    /// <value><c>conclave</c>; letters, digits, <c>_</c> and <c>-</c>, up to 63 UTF-8 bytes.</value>
    public string Schema { get; init; } = "conclave";

    /// <summary>The namespace within the schema. Whoever names the same one shares locks.</summary>
    /// <value><c>conclave</c>; up to 256 UTF-8 bytes without control characters.</value>
    public string Namespace { get; init; } = "conclave";

    /// <summary>Whether to speak TLS, and what to check.</summary>
    /// <value><see cref="SslMode.Prefer"/>.</value>
    public SslMode SslMode { get; init; } = SslMode.Prefer;

    /// <summary>A PEM file with the authorities that may have issued the server's certificate, or null for those the machine trusts.</summary>
    /// <value>null.</value>
    public string? RootCertificateFile { get; init; }

    /// <summary>
    /// Whether a pooler in transaction mode stands between: then nothing is prepared. Null finds out by itself.
    /// </summary>
    /// <value>null.</value>
    public bool? Pooler { get; init; }

    /// <summary>Where the one connection that listens for changes goes, past a pooler; null for where the others go.</summary>
    /// <value>null.</value>
    public StoreHost? ListenHost { get; init; }

    /// <summary>The most connections at a time, without the one that listens. Commits of one namespace follow each other, so few are enough.</summary>
    /// <value>4; from 2 to 100.</value>
    public int MaxConnections { get; init; } = 4;

    /// <summary>How long making a connection may take.</summary>
    /// <value>3 seconds; from 1 second to 1 minute; counted in whole seconds.</value>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long the server may take to answer; a writing commit without an answer ends in <see cref="OutcomeUnknownException"/>.</summary>
    /// <value>5 seconds; from 100 milliseconds to 1 minute.</value>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The clock of timeouts and waits, and of those who watch a session's beat stand still.</summary>
    /// <value>A <see cref="BootTimeProvider"/>.</value>
    public TimeProvider? TimeProvider { get; init; }

    /// <summary>Where to log, or null.</summary>
    /// <value>null.</value>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <summary>For tests: hears of every round trip.</summary>
    internal Action? OnCall { get; init; }

    internal void Check()
    {
        if (DataSource is null && (Hosts is null || Hosts.Count is 0 or > MaxHosts))
        {
            throw new ArgumentException($"PostgresStoreOptions.Hosts must name from 1 to {MaxHosts} hosts, or DataSource be set.", nameof(Hosts));
        }

        if (DataSource is not null && (Hosts.Count > 0 || User is not null || Password is not null || Database is not null || ListenHost is not null))
        {
            throw new ArgumentException(
                "PostgresStoreOptions.DataSource says where the server is; leave out Hosts, Database, User, Password and ListenHost.", nameof(DataSource));
        }

        foreach (var host in Hosts.Concat(ListenHost is { } listen ? [listen] : []))
        {
            if (Uri.CheckHostName(host.Name) == UriHostNameType.Unknown || host.Port is < 1 or > 65535)
            {
                throw new ArgumentException($"PostgresStoreOptions.Hosts holds '{host}', which is no host and port.", nameof(Hosts));
            }
        }

        CheckName(Schema, nameof(Schema), MaxSchemaBytes);
        if (!Schema.All(c => char.IsLetterOrDigit(c) || c is '_' or '-'))
        {
            throw new ArgumentException("PostgresStoreOptions.Schema must have letters, digits, '_' and '-' only.", nameof(Schema));
        }

        CheckName(Namespace, nameof(Namespace), StoreLimits.MaxNameBytes);
        if (MaxConnections is < 2 or > 100)
        {
            throw new ArgumentOutOfRangeException(nameof(MaxConnections), MaxConnections, "PostgresStoreOptions.MaxConnections must be from 2 to 100.");
        }

        CheckTimeout(ConnectTimeout, nameof(ConnectTimeout), TimeSpan.FromSeconds(1));
        CheckTimeout(AnswerTimeout, nameof(AnswerTimeout), TimeSpan.FromMilliseconds(100));
    }

    private static void CheckName(string name, string option, int maxBytes)
    {
        if (string.IsNullOrEmpty(name) || name.Any(char.IsControl) || Encoding.UTF8.GetByteCount(name) > maxBytes)
        {
            throw new ArgumentException($"PostgresStoreOptions.{option} must have from 1 to {maxBytes} UTF-8 bytes and no control characters.", option);
        }
    }

    private static void CheckTimeout(TimeSpan timeout, string name, TimeSpan least)
    {
        if (timeout < least || timeout > TimeSpan.FromMinutes(1))
        {
            throw new ArgumentOutOfRangeException(name, timeout, $"PostgresStoreOptions.{name} must be from {least.TotalSeconds} seconds to 1 minute.");
        }
    }

    // what a record prints by itself would hold the password
    private bool PrintMembers(StringBuilder text)
    {
        text.Append("Hosts = ").AppendJoin(',', Hosts ?? [])
            .Append(", Database = ").Append(Database)
            .Append(", User = ").Append(User)
            .Append(", Schema = ").Append(Schema)
            .Append(", Namespace = ").Append(Namespace);
        return true;
    }
}
