using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Conclave.Consul;

/// <summary>
/// Writes the body of <c>PUT /v1/txn</c>. By hand, because every byte counts against Consul's limit of 512 KiB: .NET's writer would make six bytes of
/// many a character of a key.
/// </summary>
internal sealed class TxnBody
{
    private static readonly SearchValues<char> Escaped = SearchValues.Create([.. "\"\\", .. Enumerable.Range(0, 0x20).Select(i => (char)i)]);

    private readonly ArrayBufferWriter<byte> _bytes = new(512);

    public TxnBody() => _bytes.Write("["u8);

    /// <summary>How many operations were written.</summary>
    public int Count { get; private set; }

    /// <summary>How many of them have something to say in an answer that is good, other than what was asked for.</summary>
    public int Echoes { get; private set; }

    /// <summary>The body; nothing may be added after.</summary>
    public ReadOnlyMemory<byte> Finish()
    {
        _bytes.Write("]"u8);
        return _bytes.WrittenMemory;
    }

    public void Get(string key) => Add("get"u8, key, echoes: true);

    public void GetTree(string prefix) => Add("get-tree"u8, prefix, echoes: false);

    public void CheckNotExists(string key) => Add("check-not-exists"u8, key, echoes: false);

    public void CheckIndex(string key, long index) => Add("check-index"u8, key, echoes: true, index: index);

    public void Delete(string key) => Add("delete"u8, key, echoes: false);

    /// <summary>Creates or replaces a key, which keeps the session that it has.</summary>
    public void Set(string key, ReadOnlySpan<byte> value, ulong flags) => Add("set"u8, key, echoes: true, value, flags, isPut: true);

    /// <summary>Replaces a key that has not changed.</summary>
    public void Cas(string key, ReadOnlySpan<byte> value, ulong flags, long index) => Add("cas"u8, key, echoes: true, value, flags, index: index, isPut: true);

    /// <summary>Creates a key that ends with a session.</summary>
    public void Lock(string key, ReadOnlySpan<byte> value, ulong flags, string session) => Add("lock"u8, key, echoes: true, value, flags, session, isPut: true);

    private void Add(
        ReadOnlySpan<byte> verb, string key, bool echoes, ReadOnlySpan<byte> value = default, ulong flags = 0, string? session = null, long index = 0, bool isPut = false)
    {
        _bytes.Write(Count++ == 0 ? "{\"KV\":{\"Verb\":\""u8 : ",{\"KV\":{\"Verb\":\""u8);
        Echoes += echoes ? 1 : 0;
        _bytes.Write(verb);
        _bytes.Write("\",\"Key\":\""u8);
        Text(key);
        _bytes.Write("\""u8);
        if (!value.IsEmpty)
        {
            _bytes.Write(",\"Value\":\""u8);
            var room = _bytes.GetSpan(Base64.GetMaxEncodedToUtf8Length(value.Length));
            Base64.EncodeToUtf8(value, room, out _, out int written);
            _bytes.Advance(written);
            _bytes.Write("\""u8);
        }

        if (isPut)
        {
            _bytes.Write(",\"Flags\":"u8);
            Number(flags);
        }

        if (session is not null)
        {
            _bytes.Write(",\"Session\":\""u8);
            Text(session);
            _bytes.Write("\""u8);
        }

        if (index > 0)
        {
            _bytes.Write(",\"Index\":"u8);
            Number((ulong)index);
        }

        _bytes.Write("}}"u8);
    }

    private void Number(ulong number)
    {
        var room = _bytes.GetSpan(20);
        number.TryFormat(room, out int written, default, CultureInfo.InvariantCulture);
        _bytes.Advance(written);
    }

    private void Text(ReadOnlySpan<char> text)
    {
        while (text.IndexOfAny(Escaped) is var next && next >= 0)
        {
            _bytes.Advance(Encoding.UTF8.GetBytes(text[..next], _bytes.GetSpan(Encoding.UTF8.GetMaxByteCount(next))));
            var room = _bytes.GetSpan(6);
            _bytes.Advance(Encoding.ASCII.GetBytes(
                text[next] >= ' ' ? $"\\{text[next]}" : string.Create(CultureInfo.InvariantCulture, $"\\u{(int)text[next]:x4}"), room));
            text = text[(next + 1)..];
        }

        _bytes.Advance(Encoding.UTF8.GetBytes(text, _bytes.GetSpan(Encoding.UTF8.GetMaxByteCount(text.Length))));
    }
}
