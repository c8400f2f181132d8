using System.Runtime.Versioning;

namespace Conclave.Sqlite;

/// <summary>Looks at where the file is, or is to be, before SQLite does: a wrong place gets an answer that says what to do.</summary>
internal static class FileLocation
{
    /// <summary>Finds the file and creates an empty one where there is none.</summary>
    /// <param name="path">The full path.</param>
    /// <param name="mode">The permissions of a new file.</param>
    /// <returns>The path without symbolic links.</returns>
    /// <exception cref="StoreConfigurationException">The path is no place for a store.</exception>
    /// <exception cref="StoreUnavailableException">The disk is full.</exception>
    public static string Prepare(string path, UnixFileMode mode)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new StoreConfigurationException("SQLite stores work on Linux only for now: elsewhere nothing tells reliably that the machine was rebooted.");
        }

        if (Directory.Exists(path))
        {
            throw new StoreConfigurationException($"'{path}' is a directory; name a file in it.");
        }

        string? directory = Path.GetDirectoryName(path);
        string? realDirectory = directory is null ? null : Native.RealPath(directory);
        if (realDirectory is null || !Directory.Exists(realDirectory))
        {
            throw Failures.CannotCreate(path, File.Exists(directory)
                ? $"'{directory}' is a file, not a directory"
                : $"there is no directory '{directory}'; create it first");
        }

        string realPath = Native.RealPath(path) ?? Path.Combine(realDirectory, Path.GetFileName(path));
        RefuseShared(path, realPath);
        if (!File.Exists(realPath))
        {
            Create(path, realPath, mode);
        }

        return realPath;
    }

    private static void RefuseShared(string path, string realPath)
    {
        string mounts;
        try
        {
            mounts = File.ReadAllText(MountTable.Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // nothing is known then; SQLite itself refuses file systems that cannot map memory
            return;
        }

        if (MountTable.FindShared(mounts, realPath) is { } type)
        {
            throw new StoreConfigurationException(
                $"'{path}' is on a file system that other machines can reach ({type}), where SQLite's locks do not hold; " +
                "put it on a local disk, or use an engine with a server.");
        }
    }

    // Made aside and then linked into place: the mode is right from the first moment, and the descriptor is closed before anybody can have
    // opened the file by its name. Closing it later would drop the locks that another store of this process holds on it.
    [UnsupportedOSPlatform("windows")]
    private static void Create(string path, string realPath, UnixFileMode mode)
    {
        string draft = $"{realPath}-new-{Guid.NewGuid():n}";
        try
        {
            new FileStream(draft, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = mode,
            }).Dispose();
            File.SetUnixFileMode(draft, mode);
            File.Move(draft, realPath, overwrite: false);
        }
        catch (IOException) when (File.Exists(realPath))
        {
            // somebody else was faster
            TryDelete(draft);
        }
        catch (IOException e) when (e.HResult == NoSpace)
        {
            TryDelete(draft);
            throw new StoreUnavailableException($"The disk of '{path}' is full; the store was not created. Free some space.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            TryDelete(draft);
            throw Failures.CannotCreate(path, $"its directory does not let us write ({e.Message.TrimEnd('.')}); check its permissions", e);
        }
    }

    // ENOSPC of Linux, which .NET puts into HResult as it is
    private const int NoSpace = 28;

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // an empty file stays behind
        }
    }
}
