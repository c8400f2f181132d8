using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;

namespace Conclave.Etcd;

/// <summary>The body of a request: one message. It remembers whether anything of it may have left.</summary>
internal sealed class GrpcContent : HttpContent
{
    private static readonly MediaTypeHeaderValue GrpcType = new("application/grpc");

    private readonly int _length;
    private readonly TaskCompletionSource? _open;
    private byte[]? _frame;
    private int _writers;
    private volatile bool _wasSent;

    /// <param name="message">The message.</param>
    /// <param name="staysOpen">Whether the request goes on after the message, until <see cref="Close"/>.</param>
    public GrpcContent(IMessage message, bool staysOpen)
    {
        (_frame, _length) = GrpcFrame.Write(message);
        _open = staysOpen ? new(TaskCreationOptions.RunContinuationsAsynchronously) : null;
        Headers.ContentType = GrpcType;
    }

    /// <summary>Whether the message was handed to a connection. Without it a server can do nothing.</summary>
    public bool WasSent => _wasSent;

    /// <summary>Ends a request that stays open.</summary>
    public void Close() => _open?.TrySetResult();

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        // more than once where the server refused the stream before looking at it, and the handler repeats it on another connection
        Interlocked.Increment(ref _writers);
        try
        {
            _wasSent = true;
            await stream.WriteAsync(_frame.AsMemory(0, _length), cancellationToken).ConfigureAwait(false);
            if (_open is not null)
            {
                await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
                await _open.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            Interlocked.Decrement(ref _writers);
        }
    }

    protected override void Dispose(bool disposing)
    {
        // a server may answer before it has read everything: then the buffer is still being sent, and must not be given to somebody else
        if (disposing && Interlocked.Exchange(ref _frame, null) is { } frame && Volatile.Read(ref _writers) == 0)
        {
            ArrayPool<byte>.Shared.Return(frame);
        }

        _open?.TrySetResult();
        base.Dispose(disposing);
    }
}
