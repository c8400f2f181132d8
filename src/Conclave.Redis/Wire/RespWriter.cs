using System.Buffers.Text;
using System.Text;

namespace Conclave.Redis;

/// <summary>Collects commands in a buffer that grows.</summary>
internal sealed class RespWriter
{
    // a buffer that once held something large is not kept for ever
    private const int Kept = 256 * 1024;

    private byte[] _buffer = new byte[4096];
    private int _length;

    public int Length => _length;

    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, _length);

    public void Clear()
    {
        _length = 0;
        if (_buffer.Length > Kept)
        {
            _buffer = new byte[4096];
        }
    }

    /// <summary>Takes back what was written since.</summary>
    public void Truncate(int length) => _length = length;

    /// <summary>Begins a command.</summary>
    /// <param name="words">Its name and its arguments.</param>
    public void Command(int words) => Header((byte)'*', words);

    public void Word(ReadOnlySpan<byte> bytes)
    {
        Header((byte)'$', bytes.Length);
        bytes.CopyTo(Reserve(bytes.Length + 2));
        _length += bytes.Length;
        End();
    }

    /// <summary>Adds two byte strings as one word.</summary>
    public void Word(ReadOnlySpan<byte> first, string second)
    {
        int bytes = Encoding.UTF8.GetByteCount(second);
        Header((byte)'$', first.Length + bytes);
        var target = Reserve(first.Length + bytes + 2);
        first.CopyTo(target);
        _ = Encoding.UTF8.GetBytes(second, target[first.Length..]);
        _length += first.Length + bytes;
        End();
    }

    public void Word(string text) => Word(default, text);

    public void Word(long number)
    {
        Span<byte> digits = stackalloc byte[20];
        _ = Utf8Formatter.TryFormat(number, digits, out int length);
        Word(digits[..length]);
    }

    private void Header(byte type, int number)
    {
        var target = Reserve(16);
        target[0] = type;
        _ = Utf8Formatter.TryFormat(number, target[1..], out int length);
        _length += length + 1;
        End();
    }

    private void End()
    {
        "\r\n"u8.CopyTo(Reserve(2));
        _length += 2;
    }

    private Span<byte> Reserve(int bytes)
    {
        if (_buffer.Length - _length < bytes)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + bytes));
        }

        return _buffer.AsSpan(_length);
    }
}
