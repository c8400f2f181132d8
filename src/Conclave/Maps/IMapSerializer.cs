using System.Buffers;

namespace Conclave;

/// <summary>How the values of a map become bytes. Implement it to store something else than JSON; it may be called concurrently.</summary>
/// <typeparam name="TValue">The values.</typeparam>
public interface IMapSerializer<TValue>
{
    /// <summary>Writes a value.</summary>
    /// <param name="value">The value; never null.</param>
    /// <param name="writer">Where to write the bytes.</param>
    void Serialize(TValue value, IBufferWriter<byte> writer);

    /// <summary>Reads a value.</summary>
    /// <param name="bytes">All bytes of the entry; valid during the call.</param>
    /// <returns>The value. Null, as any exception, means that the bytes are no value: the map reports a <see cref="StoreFormatException"/> that names the key.</returns>
    TValue Deserialize(ReadOnlyMemory<byte> bytes);
}
