using System.Text;
using Conclave.Storage;

namespace Conclave.Samples;

/// <summary>
/// Where things are. A key of 1,024 bytes is longer than a file name may be, so a long one goes down folders: <c>aaa…+/aaa….entry</c>. The
/// endings also see to it that no key, "." and ".." included, names anything but an entry.
/// </summary>
internal static class FileNames
{
    public const string Revision = "revision";
    public const string Incarnation = "incarnation";
    public const string Entries = "entries";
    public const string Sessions = "sessions";
    public const string EntryEnding = ".entry";
    public const string SessionEnding = ".session";

    private const int LongestPart = 200;
    private const string Continued = "+/";

    public static string OfEntry(string key) =>
        $"{Entries}/{string.Join(Continued, Uri.EscapeDataString(key).Chunk(LongestPart).Select(part => new string(part)))}{EntryEnding}";

    public static string KeyOf(string file) =>
        Uri.UnescapeDataString(file[(Entries.Length + 1)..^EntryEnding.Length].Replace(Continued, "", StringComparison.Ordinal));

    public static string OfSession(string id) => $"{Sessions}/{Uri.EscapeDataString(id)}{SessionEnding}";

    public static string SessionOf(string file) => Uri.UnescapeDataString(file[(Sessions.Length + 1)..^SessionEnding.Length]);

    /// <summary>The file that says which keys a revision changed; a later revision takes its place.</summary>
    public static string OfChange(long revision) => $"changes/{revision % StoreFiles.ChangesKept}";
}

/// <summary>What is in the files: text, so that a directory can be looked at with <c>cat</c>.</summary>
internal static class FileContents
{
    public static byte[] Of(Entry entry) =>
        [.. Encoding.UTF8.GetBytes($"{entry.CreateRevision} {entry.Revision} {entry.Session?.Value ?? "-"}\n"), .. entry.Value.Span];

    public static Entry ToEntry(string key, byte[] content)
    {
        int end = Array.IndexOf(content, (byte)'\n');
        return Numbers(content.AsSpan(0, Math.Max(end, 0))) is [var created, var changed, var session]
            ? new(key, content.AsMemory(end + 1), Number(created), Number(changed), session == "-" ? null : new(session))
            : throw Damaged();
    }

    public static string[] Numbers(ReadOnlySpan<byte> content) => Encoding.UTF8.GetString(content).Split(' ');

    public static long Number(string text) => long.TryParse(text, out long number) ? number : throw Damaged();

    public static StoreFormatException Damaged() => new("A file of the store is damaged. Stop everybody who uses it, and delete the directory.");
}
