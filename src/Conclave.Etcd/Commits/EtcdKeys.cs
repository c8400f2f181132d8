using System.Text;
using Google.Protobuf;

namespace Conclave.Etcd;

/// <summary>
/// Where things are in etcd. A key <c>k</c> of the namespace <c>ns</c> is <c>ns/k</c>, so a lock <c>a/b</c> lies where
/// <c>etcdctl lock ns/lock/a%2Fb</c> looks for it. What the engine needs for itself lies under <c>ns/</c> and a NUL: no key of the contract holds
/// a control character, so no scan shows it, and a permission on the prefix <c>ns/</c> is enough.
/// </summary>
internal sealed class EtcdKeys
{
    /// <summary>The first character that a key may begin with.</summary>
    private const byte FirstLegal = 0x20;

    private readonly byte[] _prefix;

    public EtcdKeys(string name)
    {
        _prefix = Encoding.UTF8.GetBytes(name + "/");
        First = Append([FirstLegal]);
        End = AfterPrefix(_prefix);
        Format = Append("\0conclave/format"u8);
    }

    /// <summary>The smallest key of the namespace that a caller can have put.</summary>
    public ByteString First { get; }

    /// <summary>The end of the namespace.</summary>
    public ByteString End { get; }

    /// <summary>Holds the version of the format, decimal.</summary>
    public ByteString Format { get; }

    /// <summary>The key in etcd.</summary>
    public ByteString Of(string key)
    {
        byte[] bytes = new byte[_prefix.Length + Encoding.UTF8.GetByteCount(key)];
        _prefix.CopyTo(bytes, 0);
        Encoding.UTF8.GetBytes(key, bytes.AsSpan(_prefix.Length));
        return UnsafeByteOperations.UnsafeWrap(bytes);
    }

    /// <summary>The key of the contract.</summary>
    public string Name(ByteString key) => Encoding.UTF8.GetString(key.Span[_prefix.Length..]);

    /// <summary>A key that is put only to find out whether a lease lives. It ends with it.</summary>
    public ByteString Liveness(string session) => Of("\0conclave/alive/" + session);

    /// <summary>The range of a scan.</summary>
    public (ByteString Key, ByteString End) RangeOf(string prefix, string? startAfter)
    {
        var first = prefix.Length == 0 ? First : Of(prefix);
        var end = prefix.Length == 0 ? End : AfterPrefix(first.Span);
        if (startAfter is not null)
        {
            // the smallest key behind another one
            var behind = Of(startAfter + '\0');
            if (behind.Span.SequenceCompareTo(first.Span) > 0)
            {
                first = behind;
            }
        }

        return (first, end);
    }

    /// <summary>The smallest key that is larger than every one with the prefix; UTF-8 never ends in 0xFF.</summary>
    private static ByteString AfterPrefix(ReadOnlySpan<byte> prefix)
    {
        byte[] end = prefix.ToArray();
        end[^1]++;
        return UnsafeByteOperations.UnsafeWrap(end);
    }

    private ByteString Append(ReadOnlySpan<byte> rest) => UnsafeByteOperations.UnsafeWrap((byte[])[.. _prefix, .. rest]);
}
