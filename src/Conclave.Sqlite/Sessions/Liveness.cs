using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Conclave.Sqlite;

/// <summary>
/// Who is dead, as the operating system knows it: every store object that opens a session holds an exclusive flock(2) on a file of its own beside
/// the database. The lock goes with the last descriptor, however the process ends; whoever gets it then ends the sessions at once.
/// </summary>
/// <remarks>Source: flock(2); the lock belongs to the open file description, so a child that inherited the descriptor keeps it.</remarks>
internal sealed class Liveness(StoreAccess access, UnixFileMode mode) : IDisposable
{
    private const int Attempts = 3;

    private readonly Lock _lock = new();
    private FileStream? _file;
    private bool _tried;
    private bool _disposed;

    /// <summary>The name under which this store object owns sessions; null when only the time to live counts.</summary>
    public string? Owner { get; private set; }

    public SafeFileHandle? Handle => _file?.SafeFileHandle;

    /// <summary>Creates the file, once. Where locks do not work, <see cref="Owner"/> stays null.</summary>
    /// <param name="realPath">The database without symbolic links.</param>
    /// <param name="cancellationToken">Cancels the cleaning up behind others, which comes with it.</param>
    public async ValueTask EstablishAsync(string realPath, CancellationToken cancellationToken)
    {
        if (Establish(realPath))
        {
            await CleanAsync(realPath, cancellationToken).ConfigureAwait(false);
        }
    }

    private bool Establish(string realPath)
    {
        lock (_lock)
        {
            for (int i = 0; i < Attempts && !_tried && !_disposed; i++)
            {
                string owner = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
                if (TryCreate(PathOf(realPath, owner)) is { } file)
                {
                    (_file, Owner, _tried) = (file, owner, true);
                    return true;
                }
            }

            _tried = true;
            return false;
        }
    }

    /// <summary>Ends the sessions of every owner whose file nobody holds.</summary>
    public async ValueTask SweepAsync(string realPath, CancellationToken cancellationToken)
    {
        var others = await access.RunAsync(
            static (StoreFile file, string self, out List<string> owners) =>
            {
                owners = file.OtherOwners(self);
                return true;
            },
            Owner ?? "",
            cancellationToken).ConfigureAwait(false);
        if (others.Count > 0)
        {
            await EstablishAsync(realPath, cancellationToken).ConfigureAwait(false);
        }

        // without a file of our own we do not know whether locks work here, and would take the living for dead
        if (Owner is null)
        {
            return;
        }

        foreach (string owner in others)
        {
            await BuryIfDeadAsync(PathOf(realPath, owner), owner, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Deletes the files that others left behind without a session, as a process does that is killed after closing its sessions.</summary>
    private async ValueTask CleanAsync(string realPath, CancellationToken cancellationToken)
    {
        string prefix = Path.GetFileName(PathOf(realPath, ""));
        foreach (string path in List(Path.GetDirectoryName(realPath)!, prefix))
        {
            string owner = Path.GetFileName(path)[prefix.Length..];
            if (owner != Owner && owner.Length == 16)
            {
                await BuryIfDeadAsync(path, owner, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Deletes the file, unless sessions of ours remain that others should find dead, and closes it.</summary>
    public void Close(bool sessionsRemain)
    {
        if (_file is { } file && !sessionsRemain)
        {
            TryDelete(file.Name);
        }

        Dispose();
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _file?.Dispose();
        }
    }

    internal static string PathOf(string realPath, string owner) => $"{realPath}-live-{owner}";

    private async ValueTask BuryIfDeadAsync(string path, string owner, CancellationToken cancellationToken)
    {
        using var held = TryHold(path);
        if (held is null)
        {
            return;
        }

        // held until the sessions are gone, so nobody else buries the same owner meanwhile
        _ = await access.RunAsync(
            static (StoreFile file, string owner, out bool ended) => ended = file.TryEndOwned(owner), owner, cancellationToken).ConfigureAwait(false);
        TryDelete(path);
    }

    private FileStream? TryCreate(string path)
    {
        FileStream file;
        try
        {
            var options = new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                BufferSize = 0,
            };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = mode;
            }

            file = new(path, options);
            if (!OperatingSystem.IsWindows())
            {
                // as for the database: whoever may write it must be able to see who is dead, whatever our umask
                File.SetUnixFileMode(file.SafeFileHandle, mode);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // another store cleaned up between our open and our lock, or there is no place for a file
            return null;
        }

        // The lock must keep others out (it can be switched off by DOTNET_SYSTEM_IO_DISABLEFILELOCKING, or be missing in the file system),
        // and the path must still be ours (another store may have cleaned it away before we had the lock).
        using var second = TryHold(path);
        if (second is null && File.Exists(path))
        {
            return file;
        }

        if (second is not null)
        {
            TryDelete(path);
        }

        file.Dispose();
        return null;
    }

    // Anything but getting the lock counts as alive: then the time to live decides.
    // Not by a FileStream, which reports a lock that somebody else has with an exception: this is asked often, and mostly answered with no.
    private static SafeFileHandle? TryHold(string path)
    {
        try
        {
            var file = File.Exists(path) ? File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete) : null;
            if (file is not null && !Native.TryLock(file))
            {
                file.Dispose();
                file = null;
            }

            return file;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string[] List(string directory, string prefix)
    {
        try
        {
            return Directory.GetFiles(directory, prefix + "*");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // the next store that opens a session tries again
        }
    }
}
