namespace Conclave.Samples.Tests;

/// <summary>A directory that goes when the test ends.</summary>
internal sealed class TestFolder : IDisposable
{
    private const string Memory = "/dev/shm";

    /// <param name="inMemory">Whether it may be in memory, where the machine has such a directory: faster, and no worse for a store that flushes nothing.</param>
    public TestFolder(bool inMemory = false) => Path = inMemory && Directory.Exists(Memory)
        ? Directory.CreateDirectory($"{Memory}/conclave-directory-{Guid.NewGuid():N}").FullName
        : Directory.CreateTempSubdirectory("conclave-directory-").FullName;

    public string Path { get; }

    public DirectoryStore Open(TimeProvider? time = null, TimeSpan? busyTimeout = null) => new(new()
    {
        Path = Path,
        TimeProvider = time ?? new BootTimeProvider(),
        BusyTimeout = busyTimeout ?? TimeSpan.FromSeconds(10),
    });

    public StoreFolder Files() => new(Path, TimeSpan.FromSeconds(10));

    public string At(string file) => System.IO.Path.Combine(Path, file);

    public TestFolder Copy()
    {
        var copy = new TestFolder();
        foreach (string file in Directory.EnumerateFiles(Path, "*", SearchOption.AllDirectories))
        {
            string to = copy.At(System.IO.Path.GetRelativePath(Path, file));
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }

        return copy;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
