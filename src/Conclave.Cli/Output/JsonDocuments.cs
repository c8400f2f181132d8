using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Conclave.Cli.Output;

/// <summary>One line of <c>conclave lock --json</c> and its like. The names are part of the command's interface.</summary>
internal sealed record LockEvent
{
    /// <summary>waiting, acquired, expiring, lost, released, progress, done, warning, error.</summary>
    public required string Event { get; init; }

    public DateTime Time { get; init; }

    /// <summary>What is held or waited for: lock, leadership, semaphore, read lock, write lock, membership.</summary>
    public string? Kind { get; init; }

    public string? Name { get; init; }

    public long? Token { get; init; }

    public ContenderDocument? Holder { get; init; }

    /// <summary>How many are before us, the holder included.</summary>
    public int? Ahead { get; init; }

    public double? WaitedSeconds { get; init; }

    public double? SafeSeconds { get; init; }

    public int? ExitCode { get; init; }

    public string? Message { get; init; }
}

/// <summary>What <c>conclave status --json</c> prints.</summary>
/// <param name="Store">The store's engine and address, without secrets.</param>
/// <param name="Locks">The locks that are held or waited for.</param>
/// <param name="ReaderWriterLocks">The same for reader-writer locks.</param>
/// <param name="Semaphores">The same for semaphores.</param>
/// <param name="Elections">The same for elections.</param>
internal sealed record StatusDocument(
    string Store, IReadOnlyList<LockDocument> Locks, IReadOnlyList<LockDocument> ReaderWriterLocks, IReadOnlyList<LockDocument> Semaphores, IReadOnlyList<LockDocument> Elections);

/// <summary>What <c>conclave store check --json</c> prints.</summary>
internal sealed record StoreCheckDocument(
    string Store, string Engine, string Address, double FirstAnswerMilliseconds, double ReadMilliseconds, double WriteMilliseconds, double HintMilliseconds,
    double TimeToLiveSeconds, double? ClockOffsetSeconds, double? ClockErrorSeconds, GuaranteesDocument Guarantees);

/// <summary>What an engine guarantees.</summary>
internal sealed record GuaranteesDocument(
    string Reach, string Durability, string ExpiryClock, double MinTimeToLiveSeconds, double ExpiryBoundSeconds, double ExpiryStretch,
    string? EndsSessionsEarly, string? FailoverLoses);

/// <summary>What <c>conclave leader show --json</c> prints, and <c>watch</c> per line: all but the name null while nobody leads.</summary>
internal sealed record LeaderDocument(DateTime? Time, string Name, string? Value, ContenderDocument? Leader)
{
    public static LeaderDocument Of(string name, LeaderInfo? leader, DateTime? time) =>
        new(time, name, leader is null ? null : Encoding.UTF8.GetString(leader.Value.Span), leader is null ? null : ContenderDocument.Of(leader.Leader));
}

/// <summary>What <c>conclave group list --json</c> prints.</summary>
internal sealed record GroupDocument(string Name, IReadOnlyList<MemberDocument> Members);

/// <summary>One line of <c>conclave group watch --json</c>: joined, changed or left.</summary>
internal sealed record GroupChangeDocument(DateTime Time, string Name, string Change, MemberDocument Member);

/// <summary>One member of a group.</summary>
internal sealed record MemberDocument(string Id, string Payload, long Token, DateTime? Since)
{
    public static MemberDocument Of(Member member) => new(member.Id, Encoding.UTF8.GetString(member.Payload.Span), member.Token.Value, member.Since?.UtcDateTime);
}

/// <summary>One lock, or what is held like one. The holder is the first of the holders.</summary>
internal sealed record LockDocument(string Name, ContenderDocument? Holder, IReadOnlyList<ContenderDocument> Holders, IReadOnlyList<ContenderDocument> Waiters);

/// <summary>One holder or waiter.</summary>
internal sealed record ContenderDocument(string? Host, int? Pid, string? Process, string? Label, long Token, DateTime? Since)
{
    public static ContenderDocument Of(Contender contender) => new(
        contender.Host, contender.ProcessId, contender.Process, contender.Label, contender.Token.Value, contender.Since?.UtcDateTime);
}

/// <summary>What <c>conclave time show --json</c> prints, and <c>--watch</c> per line. Null: unknown; no bound is claimed.</summary>
internal sealed record ClockDocument(
    DateTime Time, DateTime? Earliest, DateTime? Latest, string State, double? UncertaintySeconds, double OffsetSeconds, double? AgeSeconds, string Explanation,
    IReadOnlyList<ClockSourceDocument> Sources);

/// <summary>One time server, or the kernel.</summary>
internal sealed record ClockSourceDocument(
    string Name, string? Address, string Verdict, string Reason, double? OffsetSeconds, double? UncertaintySeconds, double? DelaySeconds, int? Stratum, double? AgeSeconds);

/// <summary>What <c>conclave time skew --json</c> prints, and <c>--watch</c> per line.</summary>
internal sealed record ClockSkewDocument(DateTime Time, string Group, bool HasMajority, IReadOnlyList<ComparedClockDocument> Clocks);

/// <summary>One clock in a comparison.</summary>
internal sealed record ComparedClockDocument(
    string Id, string Name, string Verdict, double? OffsetSeconds, double? ResolutionSeconds, double? UncertaintySeconds, double? ApartSeconds, bool IsMine);

[JsonSerializable(typeof(ClockDocument))]
[JsonSerializable(typeof(ClockSkewDocument))]
[JsonSerializable(typeof(LockEvent))]
[JsonSerializable(typeof(StatusDocument))]
[JsonSerializable(typeof(StoreCheckDocument))]
[JsonSerializable(typeof(LeaderDocument))]
[JsonSerializable(typeof(GroupDocument))]
[JsonSerializable(typeof(GroupChangeDocument))]
internal sealed partial class CliJson : JsonSerializerContext
{
    /// <summary>One event per line, without what it does not have.</summary>
    public static CliJson Lines { get; } = new(new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    /// <summary>One document per line, with all its fields, also those that are null.</summary>
    public static CliJson Rows { get; } = new(new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    /// <summary>A document, with all its fields, also those that are null.</summary>
    public static CliJson Document { get; } = new(new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
