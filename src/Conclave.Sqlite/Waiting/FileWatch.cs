namespace Conclave.Sqlite;

/// <summary>Calls back whenever somebody writes to the database or its WAL.</summary>
internal sealed class FileWatch : IDisposable
{
    private readonly FileSystemWatcher? _watcher;

    public FileWatch(string realPath, bool polls, Action touched)
    {
        if (polls)
        {
            return;
        }

        var watcher = new FileSystemWatcher(Path.GetDirectoryName(realPath)!);
        try
        {
            watcher.NotifyFilter = NotifyFilters.LastWrite | NotifyFilters.Size | NotifyFilters.FileName;
            watcher.Filters.Add(Path.GetFileName(realPath));
            watcher.Filters.Add(Path.GetFileName(realPath) + "-wal");
            watcher.Changed += (_, _) => touched();
            watcher.Created += (_, _) => touched();
            watcher.Deleted += (_, _) => touched();
            watcher.Renamed += (_, _) => touched();
            watcher.Error += (_, _) => touched();
            watcher.EnableRaisingEvents = true;
            _watcher = watcher;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // fs.inotify.max_user_instances or max_user_watches is used up
            watcher.Dispose();
        }
    }

    /// <summary>False when the file has to be looked at in short intervals instead.</summary>
    public bool Works => _watcher is not null;

    public void Dispose() => _watcher?.Dispose();
}
