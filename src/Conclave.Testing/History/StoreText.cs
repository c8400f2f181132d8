using System.Globalization;
using System.Text;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>How operations and entries are printed: short, and so that strange characters are seen.</summary>
internal static class StoreText
{
    private const int Longest = 40;

    public static string Key(string key)
    {
        var text = new StringBuilder();
        foreach (var rune in key.EnumerateRunes())
        {
            _ = rune.Value is >= 0x20 and < 0x7f
                ? text.Append((char)rune.Value)
                : text.Append(CultureInfo.InvariantCulture, $"\\u{{{rune.Value:X4}}}");
        }

        return text.Length <= Longest ? text.ToString() : string.Create(CultureInfo.InvariantCulture, $"{text.ToString(0, 12)}…({key.Length} chars)");
    }

    public static string Value(ReadOnlyMemory<byte> value)
    {
        bool isText = value.Length <= Longest && value.Span.IndexOfAnyExceptInRange((byte)0x20, (byte)0x7e) < 0;
        return isText ? $"'{Encoding.ASCII.GetString(value.Span)}'" : string.Create(CultureInfo.InvariantCulture, $"({value.Length} bytes)");
    }

    public static string Entry(Entry? entry) => entry is null
        ? "absent"
        : $"{Value(entry.Value)} {At(entry.Revision)}{(entry.CreateRevision == entry.Revision ? "" : $" (created {At(entry.CreateRevision)})")}{(entry.Session is { } s ? $" of session {s}" : "")}";

    public static string Describe(StoreOperation operation) => operation.Call switch
    {
        StoreCall.Commit => Transaction(operation.Transaction!),
        StoreCall.OpenSession => "open a session",
        StoreCall.RenewSession => $"renew session {operation.Session}",
        _ => $"close session {operation.Session}",
    };

    public static string Outcome(StoreOperation operation) => operation.Outcome switch
    {
        CallOutcome.NotApplied => "proven not applied",
        CallOutcome.SessionExpired => "session expired",
        CallOutcome.Unknown => "unknown",
        _ => operation.Call switch
        {
            StoreCall.Commit => Result(operation.Transaction!, operation.Result!),
            StoreCall.OpenSession => $"session {operation.Session}",
            StoreCall.RenewSession => operation.Renewed ? "renewed" : "gone",
            _ => "closed",
        },
    };

    public static string Condition(Condition condition) =>
        condition.Revision == 0 ? $"{Key(condition.Key)} absent" : $"{Key(condition.Key)} {At(condition.Revision)}";

    public static string Write(Write write) => write.IsDelete
        ? $"delete {Key(write.Key)}"
        : $"put {Key(write.Key)} = {Value(write.Value)}{(write.Session is { } s ? $" of session {s}" : "")}";

    public static string Read(Read read) => !read.IsScan
        ? $"get {Key(read.Key)}"
        : $"scan '{Key(read.Key)}'{(read.StartAfter is { } a ? $" after {Key(a)}" : "")}{(read.Limit == int.MaxValue ? "" : string.Create(CultureInfo.InvariantCulture, $" limit {read.Limit}"))}";

    private static string Transaction(Transaction transaction)
    {
        var parts = new List<string>();
        if (!transaction.Conditions.IsEmpty)
        {
            parts.Add("if " + string.Join(" and ", transaction.Conditions.Select(Condition)) + ":");
        }

        parts.Add(string.Join(", ", [.. transaction.Writes.Select(Write), .. transaction.Reads.Select(Read)]));
        return string.Join(' ', parts);
    }

    private static string Result(Transaction transaction, CommitResult result)
    {
        var reads = transaction.Reads.Zip(result.Reads, (read, seen) => read.IsScan
            ? $"[{string.Join(", ", seen.Select(e => $"{Key(e.Key)} = {Entry(e)}"))}]"
            : Entry(seen is [var entry, ..] ? entry : null));
        return $"{(result.Accepted ? "accepted" : "refused")} {At(result.Revision)}{string.Concat(reads.Select(r => ", " + r))}";
    }

    private static string At(long revision) => revision < 0 ? "@?" : string.Create(CultureInfo.InvariantCulture, $"@{revision}");
}
