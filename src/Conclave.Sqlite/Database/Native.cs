using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using SQLitePCL;

namespace Conclave.Sqlite;

/// <summary>The calls that neither .NET nor the SQLite package offers.</summary>
internal static partial class Native
{
    private const int FileHasMoved = 20;
    private const int CurrentDirectory = -100;
    private const int LockExclusive = 2;
    private const int LockNonBlocking = 4;

    /// <summary>Whether the path of the database has come to name another file. One stat(2), done by SQLite itself.</summary>
    public static bool HasMoved(sqlite3 database) =>
        FileControl(database, "main", FileHasMoved, out int moved) == raw.SQLITE_OK && moved != 0;

    /// <summary>The path without symbolic links, or null when it does not exist.</summary>
    public static unsafe string? RealPath(string path)
    {
        byte* real = ResolvePath(path, null);
        if (real is null)
        {
            return null;
        }

        string? text = Marshal.PtrToStringUTF8((nint)real);
        NativeMemory.Free(real);
        return text;
    }

    /// <summary>Sets the times of a file to now, without opening it. Fails in silence: it is a hint.</summary>
    public static unsafe void Touch(ReadOnlySpan<byte> path)
    {
        fixed (byte* text = path)
        {
            _ = SetTimes(CurrentDirectory, text, null, 0);
        }
    }

    /// <summary>Takes the exclusive flock(2) of an open file if nobody has it.</summary>
    public static bool TryLock(SafeFileHandle file) => Lock(file, LockExclusive | LockNonBlocking) == 0;

    [LibraryImport("libc", EntryPoint = "flock")]
    private static partial int Lock(SafeFileHandle file, int operation);

    [LibraryImport("libc", EntryPoint = "utimensat")]
    private static unsafe partial int SetTimes(int directory, byte* path, void* times, int flags);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_file_control", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int FileControl(sqlite3 database, string name, int operation, out int argument);

    [LibraryImport("libc", EntryPoint = "realpath", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial byte* ResolvePath(string path, byte* resolved);
}
