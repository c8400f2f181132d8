using System.Runtime.InteropServices;
using SQLitePCL;

namespace Conclave.Sqlite;

/// <summary>The calls that neither .NET nor the SQLite package offers.</summary>
internal static partial class Native
{
    private const int FileHasMoved = 20;

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

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_file_control", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int FileControl(sqlite3 database, string name, int operation, out int argument);

    [LibraryImport("libc", EntryPoint = "realpath", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial byte* ResolvePath(string path, byte* resolved);
}
