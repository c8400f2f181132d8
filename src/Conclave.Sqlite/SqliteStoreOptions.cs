namespace Conclave.Sqlite;

/// <summary>How a <see cref="SqliteStore"/> finds its file and waits for it.</summary>
public sealed record SqliteStoreOptions
{
    /// <summary>The file. It is created with the first use; its directory must exist, on a disk of this machine.</summary>
    public required string Path { get; init; }

    /// <summary>How long a call waits for other processes that write, before it gives up with <see cref="StoreUnavailableException"/>.</summary>
    /// <value>10 seconds.</value>
    public TimeSpan BusyTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The permissions of the file and its companions when they are created. Whoever may write the file may take any lock in it.</summary>
    /// <value>The owner may read and write.</value>
    public UnixFileMode FileMode { get; init; } = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>The clock of sessions and waits. All processes of a file must share one.</summary>
    /// <value>A <see cref="BootTimeProvider"/>.</value>
    public TimeProvider? TimeProvider { get; init; }

    /// <summary>For tests: a boot of their own.</summary>
    internal Incarnation? Incarnation { get; init; }

    /// <summary>For tests: waits look at the file in intervals, as where no file watcher can be had.</summary>
    internal bool PollsForChanges { get; init; }

    internal void Check()
    {
        ArgumentException.ThrowIfNullOrEmpty(Path);
        if (Path.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException("SqliteStoreOptions.Path must not hold a NUL character.", nameof(Path));
        }

        if (BusyTimeout < TimeSpan.Zero || BusyTimeout > TimeSpan.FromMinutes(10))
        {
            throw new ArgumentOutOfRangeException(
                nameof(BusyTimeout), BusyTimeout, "SqliteStoreOptions.BusyTimeout must be from 0 to 10 minutes.");
        }
    }
}
