using System.Text.Json;
using System.Text.Json.Serialization;

namespace Conclave.Timekeeping;

/// <summary>
/// What a process publishes beside its session: how its clock stood after it had seen the questions listed, its own question, and the last
/// comparison that it made.
/// </summary>
internal sealed record ClockNote
{
    private const int CurrentVersion = 1;

    public int Version { get; init; } = CurrentVersion;

    public string Name { get; init; } = "";

    /// <summary>The number of the question that this process asks; 0 if none is open.</summary>
    public long Asks { get; init; }

    /// <summary>The questions that were seen before the clock was read.</summary>
    public ClockQuestion[] Seen { get; init; } = [];

    /// <summary>The clock's best estimate, in ticks of UTC.</summary>
    public long Time { get; init; }

    /// <summary>How much earlier the truth may be, in ticks; -1 if no bound is known.</summary>
    public long Below { get; init; } = -1;

    /// <summary>How much later the truth may be, in ticks.</summary>
    public long Above { get; init; } = -1;

    /// <summary>The last comparison that this process made.</summary>
    public ClockReportNote? Report { get; init; }

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, ClockJson.Default.ClockNote);

    /// <summary>Reads what somebody published.</summary>
    /// <returns>Null if it is something else, or of a newer version.</returns>
    public static ClockNote? Read(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            return JsonSerializer.Deserialize(bytes.Span, ClockJson.Default.ClockNote) is { Version: CurrentVersion, Seen: not null, Name: not null } note
                && note.Time is >= 0 and <= 3155378975999999999 && (note.Below >= 0) == (note.Above >= 0) ? note : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>A question: read your clocks now.</summary>
internal sealed record ClockQuestion(string By, long Number);

/// <summary>A comparison, as it is published.</summary>
internal sealed record ClockReportNote(long Number, ClockReport Report);

[JsonSerializable(typeof(ClockNote))]
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, UseStringEnumConverter = true)]
internal sealed partial class ClockJson : JsonSerializerContext;
