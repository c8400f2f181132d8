using System.Buffers;
using System.Text.Json;

namespace Conclave;

/// <summary>Who a session belongs to, as others may read it: a small JSON object. It is also the session's gate.</summary>
/// <remarks>Written and read by hand: a serializer would be the slowest part of a first acquire.</remarks>
internal sealed record SessionRecord(string? Host, string? Process, int? Pid, string? Label, DateTimeOffset? Since)
{
    public static string KeyOf(string session) => "session/" + session;

    /// <summary>Reads a record; what a foreign or damaged one does not tell is null, and no error.</summary>
    public static SessionRecord? Parse(ReadOnlyMemory<byte> value)
    {
        try
        {
            using var document = JsonDocument.Parse(value);
            var record = document.RootElement;
            return record.ValueKind != JsonValueKind.Object ? null : new(
                Text(record, "host"),
                Text(record, "process"),
                record.TryGetProperty("pid", out var pid) && pid.ValueKind == JsonValueKind.Number && pid.TryGetInt32(out int id) ? id : null,
                Text(record, "label"),
                record.TryGetProperty("since", out var since) && since.ValueKind == JsonValueKind.String && since.TryGetDateTimeOffset(out var time) ? time : null);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string that is no well-formed UTF-8
            return null;
        }
    }

    public static SessionRecord OfThisProcess(string? label, TimeProvider time) =>
        new(Environment.MachineName, Path.GetFileName(Environment.ProcessPath), Environment.ProcessId, label, time.GetUtcNow());

    public byte[] ToBytes()
    {
        var bytes = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(bytes))
        {
            writer.WriteStartObject();
            Write(writer, "host", Host);
            Write(writer, "process", Process);
            if (Pid is { } pid)
            {
                writer.WriteNumber("pid", pid);
            }

            Write(writer, "label", Label);
            if (Since is { } since)
            {
                writer.WriteString("since", since);
            }

            writer.WriteEndObject();
        }

        return bytes.WrittenSpan.ToArray();
    }

    private static void Write(Utf8JsonWriter writer, string name, string? text)
    {
        if (text is not null)
        {
            writer.WriteString(name, text);
        }
    }

    private static string? Text(JsonElement record, string name) =>
        record.TryGetProperty(name, out var text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null;
}
