using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Conclave;

/// <summary>Values as JSON, by the metadata of a source generator or of reflection.</summary>
internal sealed class JsonMapSerializer<TValue> : IMapSerializer<TValue>
{
    private readonly JsonTypeInfo<TValue> _type;

    public JsonMapSerializer(JsonTypeInfo<TValue> type)
    {
        _type = type;
        if (type.Kind == JsonTypeInfoKind.Object && (Nullable.GetUnderlyingType(typeof(TValue)) ?? typeof(TValue)) == typeof(BigInteger))
        {
            throw new ArgumentException("System.Text.Json reads back 0 for every BigInteger; add a BigIntegerJsonConverter to the options of the JsonTypeInfo.", nameof(type));
        }
    }

    [RequiresUnreferencedCode(ConclaveClient.MapReflection)]
    [RequiresDynamicCode(ConclaveClient.MapReflection)]
    public static JsonMapSerializer<TValue> ByReflection() => new((JsonTypeInfo<TValue>)MapJson.ByReflection().GetTypeInfo(typeof(TValue)));

    public void Serialize(TValue value, IBufferWriter<byte> writer)
    {
        using var json = new Utf8JsonWriter(writer);
        JsonSerializer.Serialize(json, value, _type);
    }

    public TValue Deserialize(ReadOnlyMemory<byte> bytes) => JsonSerializer.Deserialize(bytes.Span, _type)!;
}

/// <summary>The settings of values that are turned into JSON by reflection.</summary>
internal static class MapJson
{
    private static JsonSerializerOptions? s_options;

    [RequiresUnreferencedCode(ConclaveClient.MapReflection)]
    [RequiresDynamicCode(ConclaveClient.MapReflection)]
    public static JsonSerializerOptions ByReflection()
    {
        if (s_options is { } options)
        {
            return options;
        }

        // its metadata is made once for all maps
        options = new(JsonSerializerOptions.Default) { Converters = { new BigIntegerJsonConverter() } };
        options.MakeReadOnly(populateMissingResolver: true);
        return s_options = options;
    }
}
