using SQLitePCL;

namespace Conclave.Sqlite;

/// <summary>What SQLite said. Never leaves this assembly: <see cref="Failures"/> turns it into what the contract knows.</summary>
internal sealed class SqliteException(int code, string message, bool atCommit = false) : Exception(message)
{
    /// <summary>The extended result code.</summary>
    public int Code => code;

    /// <summary>True when a transaction that writes entries had been told to commit.</summary>
    public bool AtCommit => atCommit;

    public bool IsBusy => IsBusyCode(code);

    public bool IsDiskFull => (code & 0xff) == raw.SQLITE_FULL;

    // PROTOCOL is what the locking of the WAL answers after it lost too many races: busy by another name
    public static bool IsBusyCode(int code) => (code & 0xff) is raw.SQLITE_BUSY or raw.SQLITE_LOCKED or raw.SQLITE_PROTOCOL;
}
