using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace Conclave.Cli;

/// <summary>
/// An entry as one line of JSON: <c>{"key":…,"value":…}</c>, or with <c>base64</c> where the value is no JSON. Numbers stay as they are written, however
/// large: values pass through as bytes.
/// </summary>
internal static class MapLine
{
    private const string NoNull = "a map holds no null; delete the key instead, or write a text.";

    private const string NoKey = "it must be an object with a \"key\"";

    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

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

    /// <summary>The text that a value is, or null when it is none, or one that cannot be written, such as half a surrogate pair.</summary>
    public static string? Text(byte[] value)
    {
        using var document = TryParse(value);
        try
        {
            return document?.RootElement.ValueKind == JsonValueKind.String ? document.RootElement.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>What is wrong with a value that is to be set as it is, or null.</summary>
    public static string? WhyRefused(byte[] value)
    {
        using var document = TryParse(value);
        return document is null ? "the value is no JSON. Write a text as '\"text\"', or give --text."
            : document.RootElement.ValueKind == JsonValueKind.Null ? NoNull
            : null;
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
    /// <param name="line">The line.</param>
    /// <param name="hasIntegerKeys">Whether keys are whole numbers, and may be written as such.</param>
    /// <param name="key">The key.</param>
    /// <param name="value">The value.</param>
    /// <returns>Null when it is good; otherwise what is wrong with it.</returns>
    public static string? TryRead(ReadOnlyMemory<byte> line, bool hasIntegerKeys, out string key, out byte[] value)
    {
        (key, value) = ("", []);
        if (!Utf8.IsValid(line.Span))
        {
            return "it is no UTF-8";
        }

        try
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                return NoKey;
            }

            if (Count(root, "key") > 1 || Count(root, "value") + Count(root, "base64") > 1)
            {
                return "it must have one \"key\", and one \"value\" or \"base64\"";
            }

            if (!root.TryGetProperty("key", out var keyElement) || keyElement.ValueKind is not (JsonValueKind.String or JsonValueKind.Number))
            {
                return root.TryGetProperty("storeKey", out _)
                    ? "it has a \"storeKey\": what was exported is no entry of such a map (is it one with integer keys, or without?)"
                    : NoKey;
            }

            if (keyElement.ValueKind == JsonValueKind.Number && !hasIntegerKeys)
            {
                return "its key is a number; give --integer-keys, or write it as a text";
            }

            bool isJson = root.TryGetProperty("value", out var valueElement);
            if (!isJson && !root.TryGetProperty("base64", out valueElement))
            {
                return "it must have a \"value\", or \"base64\" for one that is no JSON";
            }

            key = keyElement.ValueKind == JsonValueKind.String ? keyElement.GetString()! : keyElement.GetRawText();
            value = isJson ? JsonMarshal.GetRawUtf8Value(valueElement).ToArray() : valueElement.GetBytesFromBase64();
            return isJson && valueElement.ValueKind == JsonValueKind.Null ? NoNull : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            // InvalidOperationException: a string that is no well-formed UTF-16, or a base64 that is no string
            return e is not JsonException json ? "its key is no text that can be written, or its base64 is none"
                : json.BytePositionInLine is { } position ? $"it is no JSON from byte {position + 1} on"
                : json.Message;
        }
    }

    private static int Count(JsonElement root, string name) => root.EnumerateObject().Count(p => p.NameEquals(name));

    // what has no line break passes as it is, byte for byte
    private static byte[] InOneLine(JsonDocument document, byte[] value)
    {
        try
        {
            return value.AsSpan().IndexOfAny((byte)'\n', (byte)'\r') < 0 ? value : Write(document.RootElement.WriteTo);
        }
        catch (InvalidOperationException)
        {
            // a text that cannot be written, such as half a surrogate pair; line breaks are only between the parts of a document
            return [.. value.Select(b => b is (byte)'\n' or (byte)'\r' ? (byte)' ' : b)];
        }
    }

    [SuppressMessage("Reliability", "CA2000", Justification = "The document is given to the caller.")]
    private static JsonDocument? TryParse(byte[] value)
    {
        try
        {
            return Utf8.IsValid(value) ? JsonDocument.Parse(value) : null;
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
