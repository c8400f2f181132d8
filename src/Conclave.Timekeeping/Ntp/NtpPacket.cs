using System.Buffers.Binary;
using System.Text;

namespace Conclave.Timekeeping;

/// <summary>An answer of a server, as it is in the packet.</summary>
/// <remarks>Source: RFC 5905, section 7.3.</remarks>
internal readonly record struct NtpPacket
{
    public const int Size = 48;

    public const int LeapUnknown = 3;

    private const int ClientMode = 3;
    private const int ServerMode = 4;
    private const int Version = 4;

    public int Leap { get; private init; }

    public int Stratum { get; private init; }

    /// <summary>The precision of the server's clock, as an exponent of two.</summary>
    public int Precision { get; private init; }

    /// <summary>The round trip from the server to its reference clock, in ticks, rounded up.</summary>
    public long RootDelay { get; private init; }

    /// <summary>The error that the server has collected on top of that, in ticks, rounded up.</summary>
    public long RootDispersion { get; private init; }

    public uint ReferenceId { get; private init; }

    public NtpTimestamp Reference { get; private init; }

    public NtpTimestamp Origin { get; private init; }

    public NtpTimestamp Receive { get; private init; }

    public NtpTimestamp Transmit { get; private init; }

    public bool IsKissOfDeath => Stratum == 0;

    /// <summary>The code of a kiss of death: four letters.</summary>
    public string KissCode
    {
        get
        {
            Span<byte> letters = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32BigEndian(letters, ReferenceId);
            return Encoding.ASCII.GetString(letters.TrimEnd((byte)0));
        }
    }

    /// <summary>Whether the server smears leap seconds, as it says by its reference 254.x.y.z.</summary>
    public bool SmearsLeapSeconds => Stratum >= 2 && ReferenceId >> 24 == 254;

    /// <summary>
    /// Writes a request. All it tells is the nonce, where the time of the sender would stand: an answer that does not repeat it was not made
    /// by who got the request.
    /// </summary>
    /// <remarks>Source: draft-ietf-ntp-data-minimization.</remarks>
    public static void WriteRequest(Span<byte> packet, ulong nonce)
    {
        packet[..Size].Clear();
        packet[0] = (Version << 3) | ClientMode;
        BinaryPrimitives.WriteUInt64BigEndian(packet[40..], nonce);
    }

    /// <summary>Reads an answer.</summary>
    /// <returns>False if it is none: too short, of another version or mode.</returns>
    public static bool TryRead(ReadOnlySpan<byte> packet, out NtpPacket answer)
    {
        answer = default;
        if (packet.Length < Size || (packet[0] & 7) != ServerMode || ((packet[0] >> 3) & 7) is < 3 or > Version)
        {
            return false;
        }

        answer = new()
        {
            Leap = packet[0] >> 6,
            Stratum = packet[1],
            Precision = (sbyte)packet[3],
            RootDelay = Short(packet[4..]),
            RootDispersion = Short(packet[8..]),
            ReferenceId = BinaryPrimitives.ReadUInt32BigEndian(packet[12..]),
            Reference = Timestamp(packet[16..]),
            Origin = Timestamp(packet[24..]),
            Receive = Timestamp(packet[32..]),
            Transmit = Timestamp(packet[40..]),
        };
        return true;
    }

    private static NtpTimestamp Timestamp(ReadOnlySpan<byte> bytes) => new(BinaryPrimitives.ReadUInt64BigEndian(bytes));

    /// <summary>16 bits of seconds, 16 of their fraction. A unit more than it says, because the server may have cut the rest off.</summary>
    private static long Short(ReadOnlySpan<byte> bytes) => (((long)BinaryPrimitives.ReadUInt32BigEndian(bytes) + 1) * TimeSpan.TicksPerSecond >> 16) + 1;
}
