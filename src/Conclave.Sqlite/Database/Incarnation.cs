using Conclave.Storage;

namespace Conclave.Sqlite;

/// <summary>
/// One boot of one machine, seen from one time namespace: as long as it lasts, the boot clock of all processes is the same and what they
/// committed without fsync is not forgotten.
/// </summary>
/// <param name="Boot">The kernel's id of this boot.</param>
/// <param name="TimeNamespace">The time namespace; in another one the boot clock shows another time. "none" on kernels without.</param>
internal readonly record struct Incarnation(string Boot, string TimeNamespace)
{
    public static Incarnation Current()
    {
        const string bootId = "/proc/sys/kernel/random/boot_id";
        try
        {
            return new(File.ReadAllText(bootId).Trim(), new FileInfo("/proc/self/ns/time").LinkTarget ?? "none");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreConfigurationException($"SQLite stores need '{bootId}' to recognize a reboot; mount /proc. {e.Message}", e);
        }
    }

    public static Incarnation Parse(string text)
    {
        int space = text.IndexOf(' ', StringComparison.Ordinal);
        return space < 0 ? new(text, "none") : new(text[..space], text[(space + 1)..]);
    }

    public override string ToString() => $"{Boot} {TimeNamespace}";
}
