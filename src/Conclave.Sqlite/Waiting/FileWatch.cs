namespace Conclave.Sqlite;

/// <summary>Calls back whenever somebody has committed: every commit that changes something then sets the times of the file.</summary>
internal sealed class FileWatch : IDisposable
{
    private readonly FileSystemWatcher? _watcher;

    public FileWatch(string realPath, bool polls, Action touched)
    {
        if (polls)
        {
            return;
        }

        FileSystemWatcher? watcher = null;
        try
        {
            watcher = new(Path.GetDirectoryName(realPath)!);

            // attributes only: the writes to the WAL come several to a commit, and before it is visible
            watcher.NotifyFilter = NotifyFilters.Attributes;
            watcher.Filters.Add(Path.GetFileName(realPath));
            watcher.Changed += (_, _) => touched();
            watcher.Error += (_, _) => touched();
            watcher.EnableRaisingEvents = true;
            _watcher = watcher;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // fs.inotify.max_user_instances or max_user_watches is used up
            watcher?.Dispose();
        }
    }

    /// <summary>False when the file has to be looked at in short intervals instead.</summary>
    public bool Works => _watcher is not null;

    public void Dispose() => _watcher?.Dispose();
}
