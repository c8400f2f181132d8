using SQLitePCL;

namespace Conclave.Sqlite;

/// <summary>From the words of SQLite and of the file system to those of the contract. Every message names the path and says what to do.</summary>
internal static class Failures
{
    public static ConclaveException From(SqliteException failure, string path)
    {
        string detail = $"SQLite says: {failure.Message}";
        return (failure.Code & 0xff) switch
        {
            raw.SQLITE_NOTADB => new StoreFormatException(
                $"'{path}' is not an SQLite database, so it is no Conclave store; choose another path.", failure),
            raw.SQLITE_CORRUPT => new StoreFormatException(
                $"'{path}' is damaged; restore it from a backup, or delete it while no process uses it. {detail}", failure),
            raw.SQLITE_READONLY or raw.SQLITE_CANTOPEN or raw.SQLITE_PERM or raw.SQLITE_AUTH => new StoreAccessException(
                $"'{path}' cannot be opened for writing; check the permissions of the file, its -wal and -shm, and their directory. {detail}", failure),
            raw.SQLITE_FULL => new StoreUnavailableException(
                $"The disk of '{path}' is full; nothing was written. Free some space.", failure),
            raw.SQLITE_ERROR or raw.SQLITE_SCHEMA or raw.SQLITE_MISMATCH or raw.SQLITE_CONSTRAINT => new StoreFormatException(
                $"'{path}' does not have the tables of a Conclave store; restore it from a backup. {detail}", failure),
            _ when failure.AtCommit => new OutcomeUnknownException(
                $"Committing to '{path}' failed half-way, the transaction may or may not be there. {detail}", failure),
            _ => new StoreUnavailableException($"'{path}' could not be read or written; nothing was changed. {detail}", failure),
        };
    }

    public static StoreUnavailableException Busy(string path, TimeSpan waited) => new(
        $"Another process has held the write lock of '{path}' for {waited.TotalSeconds:0.#} s; nothing was written. Look for one that is stopped or stuck.");

    public static StoreFormatException Moved(string path) => new(
        $"'{path}' was replaced or deleted while it was open; dispose this store and open a new one (after a restore, raise the epoch).");

    public static StoreConfigurationException CannotCreate(string path, string why, Exception? inner = null) =>
        new($"'{path}' does not exist and cannot be created: {why}.", inner) { CannotCreate = true };
}
