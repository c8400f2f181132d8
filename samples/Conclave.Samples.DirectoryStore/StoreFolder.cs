using Conclave.Storage;

namespace Conclave.Samples;

/// <summary>
/// The two things that turn a directory into a store: one caller at a time, and changes of several files that happen as one. Survives a
/// killed process; nothing here is flushed to the disk (no fsync), so a power failure may take or tear anything.
/// </summary>
internal sealed class StoreFolder(string path, TimeSpan patience)
{
    private readonly string _journal = Path.Combine(path, "journal");

    /// <summary>True once the changes of the current turn can no longer be taken back.</summary>
    public bool IsDecided { get; set; }

    /// <summary>Waits for the turn of this caller, and finishes what a killed one has left.</summary>
    /// <returns>The turn; it ends when it is disposed, or with the process.</returns>
    public async ValueTask<IDisposable> EnterAsync(CancellationToken cancellationToken)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                return Enter();
            }
            catch (IOException) when (TimeProvider.System.GetElapsedTime(start) < patience)
            {
                // somebody else is in; the pause is in real time, because it is the machine that we wait for, not a session
                await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(1, 5)), TimeProvider.System, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    // <enter>
    private FileStream Enter()
    {
        IsDecided = false;
        Directory.CreateDirectory(path);

        // flock(2) on Linux: it crosses processes, and the kernel gives it back however a process ends
        var turn = new FileStream(At("lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        try
        {
            Finish();
            return turn;
        }
        catch
        {
            turn.Dispose();
            throw;
        }
    }
    // </enter>

    // <journal>
    /// <summary>Writes and deletes files as one step: all of it happens, or nothing.</summary>
    /// <param name="changes">The new content of each file; null deletes it.</param>
    public void Apply(IReadOnlyDictionary<string, byte[]?> changes)
    {
        Announce(changes);
        Finish();
    }

    /// <summary>The first half: whoever is killed before the journal has its name has changed nothing.</summary>
    public void Announce(IReadOnlyDictionary<string, byte[]?> changes)
    {
        using (var writer = new BinaryWriter(File.Create(_journal + ".new")))
        {
            writer.Write(changes.Count);
            foreach (var (file, content) in changes)
            {
                writer.Write(file);
                writer.Write(content?.Length ?? -1);
                writer.Write(content ?? []);
            }
        }

        IsDecided = true;
        File.Move(_journal + ".new", _journal, overwrite: true);
    }

    /// <summary>The second half: from here on it happens, by us or by the next who enters. Doing it twice does no harm.</summary>
    public void Finish()
    {
        if (!File.Exists(_journal))
        {
            return;
        }

        using (var reader = new BinaryReader(File.OpenRead(_journal)))
        {
            for (int left = reader.ReadInt32(); left > 0; left--)
            {
                string file = At(reader.ReadString());
                int length = reader.ReadInt32();
                if (length < 0)
                {
                    File.Delete(file);
                }
                else
                {
                    Directory.CreateDirectory(Path.GetDirectoryName(file)!);
                    File.WriteAllBytes(file, reader.ReadBytes(length));
                }
            }
        }

        File.Delete(_journal);
    }
    // </journal>

    /// <summary>The content of a file, or null when there is none.</summary>
    public byte[]? Read(string file) => File.Exists(At(file)) ? File.ReadAllBytes(At(file)) : null;

    public bool Has(string file) => File.Exists(At(file));

    /// <summary>The files in a folder and its folders that end in a certain way, as <see cref="Read"/> takes them.</summary>
    public IEnumerable<string> List(string folder, string ending) => Directory.Exists(At(folder))
        ? Directory.EnumerateFiles(At(folder), "*" + ending, SearchOption.AllDirectories).Select(f => Path.GetRelativePath(path, f))
        : [];

    private string At(string file) => Path.Combine(path, file);
}
