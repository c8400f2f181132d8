using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Conclave.Cli;

/// <summary>
/// An entry as one line of JSON: <c>{"key":…,"value":…}</c>, or with <c>base64</c> where the value is no JSON. Numbers stay as they are written, however
/// large: values pass through as bytes.
/// </summary>
internal static class MapLine
{
    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <summary>The key, or what the store has it under where it is no key of such a map.</summary>
    public static string Key(MapEntry<string, byte[]> entry) => Key(() => entry.Key, entry.StoreKey);

    /// <inheritdoc cref="Key(MapEntry{string, byte[]})"/>
    public static string Key(Func<string> key, string storeKey)
    {
        try
        {
            return key();
        }
        catch (StoreFormatException)
        {
            return storeKey;
        }
    }

    /// <summary>The value in one line.</summary>
    public static string Value(byte[] value)
    {
        using var document = TryParse(value);
        return document is null ? Convert.ToBase64String(value) : Encoding.UTF8.GetString(InOneLine(document, value));
    }

    /// <summary>The text that a value is, or null when it is none.</summary>
    public static string? Text(byte[] value)
    {
        using var document = TryParse(value);
        return document?.RootElement.ValueKind == JsonValueKind.String ? document.RootElement.GetString() : null;
    }

    public static bool IsJson(byte[] value)
    {
        using var document = TryParse(value);
        return document is not null;
    }

    /// <summary>A text as a value.</summary>
    public static byte[] Quote(string text) => Write(writer => writer.WriteStringValue(text));

    /// <summary>A line about an entry.</summary>
    public static string Format(MapEntry<string, byte[]> entry, bool withRevision) => Format(entry, () => entry.Key, entry.StoreKey, withRevision ? entry.Revision : null, null);

    /// <summary>A line about an entry; without one, about a key that has none. What is no key of such a map is told as the store has it.</summary>
    public static string Format(MapEntry<string, byte[]>? entry, Func<string> key, string storeKey, long? revision, DateTimeOffset? time) => Encoding.UTF8.GetString(Write(writer =>
    {
        writer.WriteStartObject();
        if (time is { } moment)
        {
            writer.WriteString("time", moment.UtcDateTime);
            writer.WriteString("change", entry is null ? "absent" : "set");
        }

        string shown = Key(key, storeKey);
        writer.WriteString(ReferenceEquals(shown, storeKey) ? "storeKey" : "key", shown);
        if (entry is not null)
        {
            using var document = TryParse(entry.Value);
            if (document is null)
            {
                writer.WriteBase64String("base64", entry.Value);
            }
            else
            {
                writer.WritePropertyName("value");
                writer.WriteRawValue(InOneLine(document, entry.Value), skipInputValidation: true);
            }
        }

        if (revision is { } number)
        {
            writer.WriteNumber("revision", number);
        }

        writer.WriteEndObject();
    }));

    /// <summary>Reads a line of an import.</summary>
    /// <returns>Null when it is good; otherwise what is wrong with it.</returns>
    public static string? TryRead(ReadOnlyMemory<byte> line, out string key, out byte[] value)
    {
        (key, value) = ("", []);
        try
        {
            using var document = JsonDocument.Parse(line, Strict);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("key", out var keyElement) || keyElement.ValueKind is not (JsonValueKind.String or JsonValueKind.Number))
            {
                return "it must be an object with a \"key\"";
            }

            bool hasValue = root.TryGetProperty("value", out var valueElement);
            if (hasValue == root.TryGetProperty("base64", out var base64))
            {
                return "it must have a \"value\", or \"base64\" for one that is no JSON";
            }

            key = keyElement.ValueKind == JsonValueKind.String ? keyElement.GetString()! : keyElement.GetRawText();
            value = hasValue ? JsonMarshal.GetRawUtf8Value(valueElement).ToArray() : base64.GetBytesFromBase64();
            return hasValue && valueElement.ValueKind == JsonValueKind.Null ? "a map holds no null" : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            // InvalidOperationException: a string that is no well-formed UTF-16, or a base64 that is no string
            return e is not JsonException json ? "its texts cannot be read"
                : json.BytePositionInLine is { } position ? $"it is no JSON from byte {position + 1} on"
                : json.Message;
        }
    }

    // what has no line break passes as it is, byte for byte
    private static ReadOnlySpan<byte> InOneLine(JsonDocument document, byte[] value) =>
        value.AsSpan().IndexOfAny((byte)'\n', (byte)'\r') < 0 ? value : Write(document.RootElement.WriteTo);

    [SuppressMessage("Reliability", "CA2000", Justification = "The document is given to the caller.")]
    private static JsonDocument? TryParse(byte[] value)
    {
        try
        {
            return JsonDocument.Parse(value);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static byte[] Write(Action<Utf8JsonWriter> write)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(bytes, Compact))
        {
            write(writer);
        }

        return bytes.WrittenSpan.ToArray();
    }
}
