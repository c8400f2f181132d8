using System.Buffers;
using System.Buffers.Binary;
using Google.Protobuf;

namespace Conclave.Etcd;

/// <summary>The frames of gRPC: a flag for compression, four bytes of length, a message (grpc PROTOCOL-HTTP2, "Length-Prefixed-Message").</summary>
internal static class GrpcFrame
{
    public const int HeaderSize = 5;

    /// <summary>Larger than any answer: ten thousand contenders are about 2 MB. Protects from reading nonsense as a length.</summary>
    public const int MaxSize = 1 << 28;

    /// <summary>The message as one frame in a rented buffer.</summary>
    public static (byte[] Buffer, int Length) Write(IMessage message)
    {
        int size = message.CalculateSize();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(HeaderSize + size);
        buffer[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(buffer.AsSpan(1), size);
        message.WriteTo(buffer.AsSpan(HeaderSize, size));
        return (buffer, HeaderSize + size);
    }

    /// <summary>The length of the message behind a header.</summary>
    /// <exception cref="InvalidDataException">The header is none that etcd would send.</exception>
    public static int ReadLength(ReadOnlySpan<byte> header)
    {
        uint length = BinaryPrimitives.ReadUInt32BigEndian(header[1..]);
        return header[0] == 0 && length <= MaxSize
            ? (int)length
            : throw new InvalidDataException($"a gRPC frame with flag {header[0]} and length {length}");
    }
}

/// <summary>Reads frame after frame from a stream, in one buffer that grows as needed.</summary>
internal sealed class GrpcFrameReader(Stream stream) : IDisposable
{
    private const int InitialSize = 4096;

    private byte[]? _buffer = ArrayPool<byte>.Shared.Rent(InitialSize);
    private int _start;
    private int _end;

    /// <summary>Reads the next message.</summary>
    /// <returns>The message, or null at the end of the stream.</returns>
    /// <exception cref="InvalidDataException">The bytes are no frame, or end in the middle of one.</exception>
    public async ValueTask<TResponse?> ReadAsync<TResponse>(MessageParser<TResponse> parser, CancellationToken cancellationToken)
        where TResponse : class, IMessage<TResponse>
    {
        int length = -1;
        while (true)
        {
            int buffered = _end - _start;
            if (length < 0 && buffered >= GrpcFrame.HeaderSize)
            {
                length = GrpcFrame.ReadLength(_buffer.AsSpan(_start));
                Reserve(GrpcFrame.HeaderSize + length);
            }

            if (length >= 0 && buffered >= GrpcFrame.HeaderSize + length)
            {
                return Take(parser, length);
            }

            Reserve(GrpcFrame.HeaderSize);
            int read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
            if (read == 0)
            {
                return buffered == 0 ? null : throw new InvalidDataException("the answer ended in the middle of a message");
            }

            _end += read;
        }
    }

    /// <summary>Reads to the end, which is where the trailers are.</summary>
    public async ValueTask DrainAsync(CancellationToken cancellationToken)
    {
        while (await stream.ReadAsync(_buffer.AsMemory(), cancellationToken).ConfigureAwait(false) > 0)
        {
        }
    }

    public void Dispose()
    {
        if (_buffer is { } buffer)
        {
            _buffer = null;
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private TResponse Take<TResponse>(MessageParser<TResponse> parser, int length)
        where TResponse : IMessage<TResponse>
    {
        var message = parser.ParseFrom(_buffer, _start + GrpcFrame.HeaderSize, length);
        _start += GrpcFrame.HeaderSize + length;
        if (_start == _end)
        {
            _start = _end = 0;
        }

        return message;
    }

    /// <summary>Makes room for so many bytes from the start of the frame, and for at least one more to read.</summary>
    private void Reserve(int size)
    {
        if (_buffer!.Length - _start >= size && _end < _buffer.Length)
        {
            return;
        }

        byte[] target = size > _buffer.Length ? ArrayPool<byte>.Shared.Rent(size) : _buffer;
        _buffer.AsSpan(_start, _end - _start).CopyTo(target);
        (_start, _end) = (0, _end - _start);
        if (target != _buffer)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = target;
        }
    }
}
