using System.Text.Json;
using Conclave.Storage;

namespace Conclave.Consul;

/// <summary>One key in an answer of Consul.</summary>
internal readonly record struct TxnItem(string Key, byte[] Value, string? Session, long CreateIndex, long ModifyIndex);

/// <summary>Why a transaction was refused.</summary>
/// <param name="Operation">The position of the operation.</param>
/// <param name="What">Consul's words.</param>
internal readonly record struct TxnError(int Operation, string What);

/// <summary>The answer to <c>PUT /v1/txn</c>: results in the order of the operations, or errors.</summary>
internal sealed class TxnAnswer
{
    private TxnAnswer(List<TxnItem> items, List<TxnError> errors) => (Items, Errors) = (items, errors);

    public IReadOnlyList<TxnItem> Items { get; }

    public IReadOnlyList<TxnError> Errors { get; }

    /// <exception cref="StoreFormatException">It is no answer of Consul.</exception>
    public static TxnAnswer Parse(ReadOnlySpan<byte> json, string address)
    {
        var items = new List<TxnItem>();
        var errors = new List<TxnError>();
        try
        {
            var reader = new Utf8JsonReader(json);
            Expect(ref reader, JsonTokenType.StartObject);
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool isResults = reader.ValueTextEquals("Results"u8);
                bool isErrors = reader.ValueTextEquals("Errors"u8);
                reader.Read();
                if (!(isResults || isErrors) || reader.TokenType == JsonTokenType.Null)
                {
                    reader.Skip();
                    continue;
                }

                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    if (isResults)
                    {
                        ReadResult(ref reader, items);
                    }
                    else
                    {
                        errors.Add(ReadError(ref reader));
                    }
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new StoreFormatException($"What Consul at {address} answered cannot be read: {e.Message}", e);
        }

        return new(items, errors);
    }

    private static void ReadResult(ref Utf8JsonReader reader, List<TxnItem> items)
    {
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            bool isItem = reader.ValueTextEquals("KV"u8);
            reader.Read();
            if (isItem)
            {
                items.Add(ReadItem(ref reader));
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private static TxnItem ReadItem(ref Utf8JsonReader reader)
    {
        string key = "";
        byte[] value = [];
        string? session = null;
        long created = 0;
        long modified = 0;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            if (reader.ValueTextEquals("Key"u8))
            {
                reader.Read();
                key = reader.GetString()!;
            }
            else if (reader.ValueTextEquals("Value"u8))
            {
                reader.Read();
                value = reader.TokenType == JsonTokenType.Null ? [] : reader.GetBytesFromBase64();
            }
            else if (reader.ValueTextEquals("Session"u8))
            {
                reader.Read();
                session = reader.GetString();
            }
            else if (reader.ValueTextEquals("CreateIndex"u8))
            {
                reader.Read();
                created = reader.GetInt64();
            }
            else if (reader.ValueTextEquals("ModifyIndex"u8))
            {
                reader.Read();
                modified = reader.GetInt64();
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        return new(key, value, string.IsNullOrEmpty(session) ? null : session, created, modified);
    }

    private static TxnError ReadError(ref Utf8JsonReader reader)
    {
        int operation = -1;
        string what = "";
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            bool isOperation = reader.ValueTextEquals("OpIndex"u8);
            bool isWhat = reader.ValueTextEquals("What"u8);
            reader.Read();
            if (isOperation)
            {
                operation = reader.GetInt32();
            }
            else if (isWhat)
            {
                what = reader.GetString() ?? "";
            }
            else
            {
                reader.Skip();
            }
        }

        return new(operation, what);
    }

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType token)
    {
        if (!reader.Read() || reader.TokenType != token)
        {
            throw new JsonException($"{token} expected");
        }
    }
}
