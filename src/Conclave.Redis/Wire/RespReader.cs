using System.Buffers.Text;
using System.Text;

namespace Conclave.Redis;

/// <summary>Reads the parts of one whole RESP3 value, in place. Error replies are thrown where they are read.</summary>
internal ref struct RespReader(ReadOnlySpan<byte> frame)
{
    private readonly ReadOnlySpan<byte> _frame = frame;
    private int _position;

    public readonly bool AtEnd => _position >= _frame.Length;

    /// <summary>The first byte of the next value.</summary>
    public readonly byte Peek() => AtEnd ? throw new RespException("an answer that is too short") : _frame[_position];

    /// <summary>Begins an array, set, push or map.</summary>
    /// <returns>How many values follow; twice the pairs of a map, -1 for null.</returns>
    public int ReadArray()
    {
        var line = ReadLine(out byte type);
        return type switch
        {
            (byte)'*' or (byte)'~' or (byte)'>' => (int)RespFrame.Number(line),
            (byte)'%' => 2 * (int)RespFrame.Number(line),
            (byte)'_' => -1,
            _ => throw Unexpected(type, "an array"),
        };
    }

    /// <summary>Reads a string, null as empty.</summary>
    public ReadOnlySpan<byte> ReadBytes() => TryReadBytes(out var bytes) ? bytes : default;

    /// <summary>Reads a string of any kind, or a number as its text.</summary>
    /// <returns>False for null.</returns>
    public bool TryReadBytes(out ReadOnlySpan<byte> bytes)
    {
        var line = ReadLine(out byte type);
        bytes = line;
        switch (type)
        {
            case (byte)'$' or (byte)'=':
                int length = (int)RespFrame.Number(line);
                if (length < 0)
                {
                    return false;
                }

                bytes = _frame.Slice(_position, length);
                _position += length + 2;
                if (type == '=')
                {
                    // three letters of a format and a colon
                    bytes = bytes[4..];
                }

                return true;
            case (byte)'+' or (byte)':' or (byte)',' or (byte)'#' or (byte)'(':
                return true;
            case (byte)'_':
                return false;
            case (byte)'*' when line is [(byte)'-', ..]:
                return false;
            default:
                throw Unexpected(type, "a string");
        }
    }

    public string ReadText() => Encoding.UTF8.GetString(ReadBytes());

    /// <summary>Reads a number, also one that came as a string or with a fraction of zero.</summary>
    public long ReadNumber()
    {
        var bytes = ReadBytes();
        if (Utf8Parser.TryParse(bytes, out long number, out int used) && used == bytes.Length)
        {
            return number;
        }

        // the scores of sorted sets are doubles; ours are whole and below 2^53
        return Utf8Parser.TryParse(bytes, out double real, out used) && used == bytes.Length
            ? (long)real
            : throw new RespException("something that is no number, where a number was expected");
    }

    /// <summary>Goes past the next value, whatever it is.</summary>
    public void Skip()
    {
        var rest = new RespFrame();
        if (!rest.TryMeasure(_frame[_position..], out int length))
        {
            throw new RespException("an answer that is too short");
        }

        _position += length;
    }

    /// <summary>Throws the error if the next value is one.</summary>
    public void ThrowIfError()
    {
        if (Peek() is (byte)'-' or (byte)'!')
        {
            _ = ReadLine(out _);
        }
    }

    private ReadOnlySpan<byte> ReadLine(out byte type)
    {
        while (true)
        {
            type = Peek();
            int end = _frame[_position..].IndexOf("\r\n"u8);
            if (end < 0)
            {
                throw new RespException("an answer that is too short");
            }

            var line = _frame.Slice(_position + 1, end - 1);
            _position += end + 2;
            switch (type)
            {
                case (byte)'-':
                    throw new RedisErrorException(Encoding.UTF8.GetString(line));
                case (byte)'!':
                    throw new RedisErrorException(Encoding.UTF8.GetString(_frame.Slice(_position, (int)RespFrame.Number(line))));
                case (byte)'|':
                    for (long i = 2 * RespFrame.Number(line); i > 0; i--)
                    {
                        Skip();
                    }

                    continue;
                default:
                    return line;
            }
        }
    }

    private static RespException Unexpected(byte type, string expected) => new($"a value of the kind '{(char)type}' where {expected} was expected");
}
