using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace Conclave.Sqlite;

/// <summary>
/// SQLite's own way to files, except that it can sleep for less than a second. The library of the package is built without usleep(3), so a reader
/// that lost six races against writers, which is meant to pause for a microsecond, would stop its thread for a whole second.
/// </summary>
/// <remarks>Source: sqlite.org/c3ref/vfs.html; walTryBeginRead and unixSleep in SQLite. The default VFS, which others in the process use, is left alone.</remarks>
internal static unsafe partial class Vfs
{
    public const string Name = "conclave";

    private static readonly Lock Registration = new();

    /// <summary>Makes the VFS known to SQLite, once in the life of a process.</summary>
    /// <returns>The name to open files with, or null for the default where there is nothing to copy.</returns>
    public static string? Register()
    {
        lock (Registration)
        {
            Batteries_V2.Init();
            if (Find(Name) is not null)
            {
                return Name;
            }

            var original = Find(null);
            if (original is null)
            {
                return null;
            }

            // never freed: SQLite keeps the pointer
            var copy = (Table*)NativeMemory.Alloc((nuint)sizeof(Table));
            *copy = *original;
            copy->Next = null;
            copy->Name = (byte*)Marshal.StringToCoTaskMemUTF8(Name);
            copy->Sleep = &Sleep;
            return RegisterVfs(copy, makeDefault: 0) == raw.SQLITE_OK ? Name : null;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Sleep(Table* vfs, int microseconds)
    {
        _ = SleepMicroseconds((uint)Math.Clamp(microseconds, 1, 999_999));
        return microseconds;
    }

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_vfs_find", StringMarshalling = StringMarshalling.Utf8)]
    private static partial Table* Find(string? name);

    [LibraryImport("e_sqlite3", EntryPoint = "sqlite3_vfs_register")]
    private static partial int RegisterVfs(Table* vfs, int makeDefault);

    [LibraryImport("libc", EntryPoint = "usleep")]
    private static partial int SleepMicroseconds(uint microseconds);

    /// <summary>sqlite3_vfs, version 3; all of it is copied, so every field has to be here.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Table
    {
        public int Version;
        public int FileSize;
        public int MaxPath;
        public Table* Next;
        public byte* Name;
        public nint AppData;
        public nint Open;
        public nint Delete;
        public nint Access;
        public nint FullPathname;
        public nint DlOpen;
        public nint DlError;
        public nint DlSym;
        public nint DlClose;
        public nint Randomness;
        public delegate* unmanaged[Cdecl]<Table*, int, int> Sleep;
        public nint CurrentTime;
        public nint GetLastError;
        public nint CurrentTimeInt64;
        public nint SetSystemCall;
        public nint GetSystemCall;
        public nint NextSystemCall;
    }
}
