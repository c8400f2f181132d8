using System.Globalization;

namespace Conclave.Sqlite;

/// <summary>The format of the file: how it is recognized and how it is made.</summary>
internal static class Schema
{
    /// <summary>"CLAV", at byte 68 of the file, where file(1) finds it.</summary>
    internal const int ApplicationId = 0x434C4156;

    /// <summary>The version of the tables below. A newer one is refused.</summary>
    internal const int Version = 1;

    private const string Tables = """
        CREATE TABLE entries(
            key TEXT NOT NULL PRIMARY KEY, session TEXT, created INTEGER NOT NULL, revision INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE sessions(
            id TEXT NOT NULL PRIMARY KEY, ttl INTEGER NOT NULL, deadline INTEGER NOT NULL, owner TEXT) WITHOUT ROWID;
        CREATE TABLE journal(revision INTEGER PRIMARY KEY, keys TEXT NOT NULL);
        CREATE TABLE meta(name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        """;

    /// <summary>Whether the file is a store; an empty one is not yet, anything else is refused before a byte of it is changed.</summary>
    /// <remarks>Runs inside a transaction: one snapshot, or a store that somebody is making looks foreign half-way.</remarks>
    public static bool Recognize(Connection connection, string path)
    {
        long application = Number(connection, "PRAGMA application_id");
        long version = Number(connection, "PRAGMA user_version");
        if (application == 0 && version == 0 && Number(connection, "SELECT count(*) FROM sqlite_master") == 0)
        {
            return false;
        }

        if (application != ApplicationId)
        {
            throw new StoreFormatException($"'{path}' is an SQLite database of another application, no Conclave store; choose another path.");
        }

        return version switch
        {
            Version => true,
            > Version => throw new StoreFormatException(
                $"'{path}' was written by a newer Conclave (format {version}, this one reads {Version}); upgrade this process."),
            _ => throw new StoreFormatException($"'{path}' is damaged: its format version is {version}; restore it from a backup."),
        };
    }

    /// <summary>Makes the tables in an empty file.</summary>
    /// <returns>False when somebody else is writing.</returns>
    public static bool TryCreate(Connection connection, string path, string incarnation)
    {
        if (!connection.TryBeginImmediate(durable: true))
        {
            return false;
        }

        if (!Recognize(connection, path))
        {
            foreach (string statement in Tables.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            {
                connection.Execute(statement);
            }

            var insert = connection.Prepare("INSERT INTO meta(name, value) VALUES('incarnation', ?1)");
            insert.Bind(1, incarnation);
            insert.Run();
            connection.Execute(string.Create(CultureInfo.InvariantCulture, $"PRAGMA application_id={ApplicationId}"));
            connection.Execute(string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version={Version}"));
        }

        connection.Commit();
        return true;
    }

    private static long Number(Connection connection, string sql) =>
        long.Parse(connection.Execute(sql) ?? "0", CultureInfo.InvariantCulture);
}
