using System.Text.Json;
using System.Text.Json.Serialization;

namespace Conclave;

/// <summary>Who a session belongs to, as others may read it. It is also the session's gate.</summary>
internal sealed record SessionRecord(string? Host, string? Process, int? Pid, string? Label, DateTimeOffset? Since)
{
    public static string KeyOf(string session) => "session/" + session;

    /// <summary>Reads a record; a foreign or damaged one tells nothing, and is no error.</summary>
    public static SessionRecord? Parse(ReadOnlyMemory<byte> value)
    {
        try
        {
            return JsonSerializer.Deserialize(value.Span, SessionRecordJson.Default.SessionRecord);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public static SessionRecord OfThisProcess(string? label, TimeProvider time) =>
        new(Environment.MachineName, Path.GetFileName(Environment.ProcessPath), Environment.ProcessId, label, time.GetUtcNow());

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, SessionRecordJson.Default.SessionRecord);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(SessionRecord))]
internal sealed partial class SessionRecordJson : JsonSerializerContext;
