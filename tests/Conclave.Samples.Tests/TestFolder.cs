namespace Conclave.Samples.Tests;

/// <summary>A directory that goes when the test ends.</summary>
internal sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("conclave-directory-").FullName;

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
