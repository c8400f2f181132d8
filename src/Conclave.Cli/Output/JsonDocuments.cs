using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Conclave.Cli.Output;

/// <summary>One line of <c>conclave lock --json</c>. The names are part of the command's interface.</summary>
internal sealed record LockEvent
{
    /// <summary>waiting, acquired, expiring, lost, released, warning, error.</summary>
    public required string Event { get; init; }

    public DateTime Time { get; init; }

    public string? Lock { get; init; }

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
internal sealed record StatusDocument(string Store, IReadOnlyList<LockDocument> Locks);

/// <summary>One lock.</summary>
internal sealed record LockDocument(string Name, ContenderDocument? Holder, IReadOnlyList<ContenderDocument> Waiters);

/// <summary>One holder or waiter.</summary>
internal sealed record ContenderDocument(string? Host, int? Pid, string? Process, string? Label, long Token, DateTime? Since)
{
    public static ContenderDocument Of(Contender contender) => new(
        contender.Host, contender.ProcessId, contender.Process, contender.Label, contender.Token.Value, contender.Since?.UtcDateTime);
}

[JsonSerializable(typeof(LockEvent))]
[JsonSerializable(typeof(StatusDocument))]
internal sealed partial class CliJson : JsonSerializerContext
{
    /// <summary>One event per line, without what it does not have.</summary>
    public static CliJson Lines { get; } = new(new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
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
