namespace Conclave.Etcd;

/// <summary>Who is at the other end, by the first bytes it sent.</summary>
internal enum PeerKind
{
    /// <summary>Nothing was received.</summary>
    Silent,

    /// <summary>HTTP/2, by its first frame.</summary>
    Http2,

    /// <summary>TLS, by a record of a handshake or an alert.</summary>
    Tls,

    /// <summary>HTTP/1, by its status line.</summary>
    Http1,

    /// <summary>Something else.</summary>
    Unknown,
}

/// <summary>The first bytes that came over a connection.</summary>
internal sealed class FirstBytes
{
    private readonly byte[] _first = new byte[5];
    private volatile int _count;

    public bool IsComplete => _count == _first.Length;

    public PeerKind Kind => _count == 0 ? PeerKind.Silent : Recognize(_first.AsSpan(0, _count));

    /// <summary>Recognizes a protocol by the first bytes of a server.</summary>
    public static PeerKind Recognize(ReadOnlySpan<byte> first) => first switch
    {
        [0x15 or 0x16, 0x03, ..] => PeerKind.Tls,
        [(byte)'H', (byte)'T', (byte)'T', (byte)'P', ..] => PeerKind.Http1,

        // a length below 64 KiB, then the frame SETTINGS or GOAWAY
        [0, _, _, 4 or 7, ..] => PeerKind.Http2,
        { Length: < 4 } => PeerKind.Silent,
        _ => PeerKind.Unknown,
    };

    public void Remember(ReadOnlySpan<byte> read)
    {
        int count = _count;
        int more = Math.Min(read.Length, _first.Length - count);
        read[..more].CopyTo(_first.AsSpan(count));
        _count = count + more;
    }
}

/// <summary>A stream that remembers the first bytes that were read from it; otherwise it only passes on.</summary>
internal sealed class FirstBytesStream(Stream inner, FirstBytes first) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        first.IsComplete ? inner.ReadAsync(buffer, cancellationToken) : ReadFirstAsync(buffer, cancellationToken);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count)
    {
        int read = inner.Read(buffer, offset, count);
        first.Remember(buffer.AsSpan(offset, read));
        return read;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        inner.WriteAsync(buffer, cancellationToken);

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        inner.WriteAsync(buffer, offset, count, cancellationToken);

    public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

    public override void Flush() => inner.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private async ValueTask<int> ReadFirstAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        int read = await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        first.Remember(buffer.Span[..read]);
        return read;
    }
}
