using System.Buffers.Text;

namespace Conclave.Redis;

/// <summary>Finds the end of a RESP3 value in a buffer that is still filling. Goes on where it stopped when more bytes have come.</summary>
internal struct RespFrame()
{
    private int _position;
    private long _open = 1;

    /// <summary>Looks at more of the buffer.</summary>
    /// <param name="buffer">The bytes from the beginning of the value; what was there before must be unchanged.</param>
    /// <param name="length">The length of the value.</param>
    /// <returns>False when the value has not come whole.</returns>
    /// <exception cref="RespException">The bytes are no RESP3.</exception>
    public bool TryMeasure(ReadOnlySpan<byte> buffer, out int length)
    {
        length = 0;
        while (_open > 0)
        {
            if (_position >= buffer.Length)
            {
                return false;
            }

            int end = buffer[_position..].IndexOf("\r\n"u8);
            if (end < 0)
            {
                // an honest first line is short; what is longer without an end is no Redis
                return buffer.Length - _position > 64 * 1024 ? throw new RespException("a line without an end") : false;
            }

            byte type = buffer[_position];
            int next = _position + end + 2;
            switch (type)
            {
                case (byte)'+' or (byte)'-' or (byte)':' or (byte)'_' or (byte)',' or (byte)'#' or (byte)'(':
                    _open--;
                    break;
                case (byte)'$' or (byte)'=' or (byte)'!':
                    long size = Number(buffer[(_position + 1)..(next - 2)]);
                    if (size >= 0)
                    {
                        if (size > int.MaxValue / 2)
                        {
                            throw new RespException("a string of more than a gigabyte");
                        }

                        if (buffer.Length - next < size + 2)
                        {
                            return false;
                        }

                        next += (int)size + 2;
                    }

                    _open--;
                    break;
                case (byte)'*' or (byte)'~' or (byte)'>':
                    _open += Math.Max(0, Number(buffer[(_position + 1)..(next - 2)])) - 1;
                    break;
                case (byte)'%':
                    _open += (2 * Number(buffer[(_position + 1)..(next - 2)])) - 1;
                    break;
                case (byte)'|':
                    // an attribute comes before the value that it belongs to
                    _open += 2 * Number(buffer[(_position + 1)..(next - 2)]);
                    break;
                default:
                    throw new RespException($"a value that begins with the byte 0x{type:X2}") { FirstByte = type };
            }

            _position = next;
        }

        length = _position;
        return true;
    }

    internal static long Number(ReadOnlySpan<byte> digits) =>
        Utf8Parser.TryParse(digits, out long number, out int used) && used == digits.Length && number >= -1
            ? number
            : throw new RespException("a length that is no number");
}
