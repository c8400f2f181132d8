using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Conclave.Timekeeping;

/// <summary>What became of one request.</summary>
/// <param name="Answer">The answer that repeats our nonce; null if none came.</param>
/// <param name="Sent">The stamp before the request left.</param>
/// <param name="Received">The stamp after the answer was read.</param>
/// <param name="Problem">Why there is no answer.</param>
internal readonly record struct NtpReply(NtpPacket? Answer, long Sent, long Received, string? Problem);

/// <summary>
/// One request to one server, on a socket of its own: a new port each time, connected, so that only the server's address is heard. What comes
/// without our nonce is passed over, and the wait for the real answer goes on: a forger must not be able to end it.
/// </summary>
/// <remarks>Sources: RFC 5905, section 8; RFC 9109 (a random port for each request).</remarks>
internal sealed class NtpExchange : IDisposable
{
    private const int MostPackets = 64;

    private readonly TimeProvider _time;
    private readonly ulong _nonce;
    private readonly byte[] _buffer = new byte[512];
    private readonly long _sent;
    private int _packets;
    private int _foreign;

    /// <summary>Sends the request.</summary>
    /// <exception cref="SocketException">It could not be sent.</exception>
    public NtpExchange(NtpServer server, IPEndPoint endPoint, TimeProvider time)
    {
        (Server, _time) = (server, time);
        Span<byte> random = stackalloc byte[8];
        do
        {
            RandomNumberGenerator.Fill(random);
            _nonce = BinaryPrimitives.ReadUInt64BigEndian(random);
        }
        while (_nonce == 0);

        Socket = new(endPoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { Blocking = false };
        try
        {
            Socket.Connect(endPoint);
            Span<byte> request = stackalloc byte[NtpPacket.Size];
            NtpPacket.WriteRequest(request, _nonce);
            _sent = time.GetTimestamp();
            Socket.Send(request);
        }
        catch
        {
            Socket.Dispose();
            throw;
        }
    }

    public NtpServer Server { get; }

    public Socket Socket { get; }

    /// <summary>Reads what has come.</summary>
    /// <returns>Null while the answer is still to be waited for.</returns>
    public NtpReply? Read()
    {
        int length;
        try
        {
            length = Socket.Receive(_buffer);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.Interrupted)
        {
            return null;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.MessageSize)
        {
            length = 0;
        }
        catch (SocketException e)
        {
            return Failed(e.SocketErrorCode == SocketError.ConnectionRefused ? "nobody listens on its port" : $"it cannot be reached ({e.SocketErrorCode})");
        }

        // after the read, never before: what came later than its stamp would seem to have come faster than it did
        long received = _time.GetTimestamp();
        if (NtpPacket.TryRead(_buffer.AsSpan(0, length), out var answer) && answer.Origin.Value == _nonce)
        {
            return new(answer, _sent, received, null);
        }

        _foreign++;
        return ++_packets < MostPackets ? null : Failed($"it floods: {MostPackets} packets that answer nothing we asked");
    }

    /// <summary>Nobody waits any longer.</summary>
    public NtpReply GiveUp() => Failed(_foreign == 0
        ? "it does not answer"
        : $"it does not answer; {_foreign} packet{(_foreign == 1 ? "" : "s")} came that answer{(_foreign == 1 ? "s" : "")} nothing we asked");

    public void Dispose() => Socket.Dispose();

    private NtpReply Failed(string problem) => new(null, _sent, 0, problem);
}
