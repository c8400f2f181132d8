using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Conclave.Timekeeping.Tests;

/// <summary>
/// A time server in this process: honest by the clock of this machine, which is the truth here, unless it is told to misbehave. It stamps on a thread
/// of its own, so that it is as quick as a real one.
/// </summary>
internal sealed class FakeTimeServer : IDisposable
{
    private static readonly long Epoch = new DateTimeOffset(1900, 1, 1, 0, 0, 0, TimeSpan.Zero).UtcTicks;

    private readonly Socket _socket;
    private readonly Thread _thread;
    private volatile bool _stopping;
    private int _requests;

    public FakeTimeServer(AddressFamily family = AddressFamily.InterNetwork)
    {
        _socket = new(family, SocketType.Dgram, ProtocolType.Udp);
        _socket.Bind(new IPEndPoint(family == AddressFamily.InterNetwork ? IPAddress.Loopback : IPAddress.IPv6Loopback, 0));
        EndPoint = (IPEndPoint)_socket.LocalEndPoint!;
        _thread = new(Serve) { IsBackground = true, Name = "fake time server" };
        _thread.Start();
    }

    public IPEndPoint EndPoint { get; }

    /// <summary>As a user would write it.</summary>
    public string Address => EndPoint.ToString();

    /// <summary>What it adds to the truth.</summary>
    public TimeSpan Offset { get; set; }

    /// <summary>How it misbehaves: gets the honest answer, and returns what is sent instead, one packet after the other; null is silence.</summary>
    public Func<byte[], IEnumerable<byte[]>?> Misbehave { get; set; } = answer => [answer];

    /// <summary>Called before a request is looked at: a slow way there.</summary>
    public Action OnWayThere { get; set; } = () => { };

    /// <summary>Called before an answer is sent, after it was stamped: a slow way back.</summary>
    public Action OnWayBack { get; set; } = () => { };

    /// <summary>Which port each request came from, and its nonce.</summary>
    public List<(int Port, ulong Nonce)> Requests { get; } = [];

    public int RequestCount => Volatile.Read(ref _requests);

    /// <summary>A change of one field of an answer.</summary>
    public static Func<byte[], IEnumerable<byte[]>?> With(Action<byte[]> change) => answer =>
    {
        change(answer);
        return [answer];
    };

    /// <summary>A kiss of death.</summary>
    public static Func<byte[], IEnumerable<byte[]>?> Kiss(string code) => With(answer =>
    {
        answer[1] = 0;
        System.Text.Encoding.ASCII.GetBytes(code).CopyTo(answer, 12);
    });

    public static void WriteTime(Span<byte> field, DateTimeOffset time) =>
        BinaryPrimitives.WriteUInt64BigEndian(field, (ulong)(((Int128)(time.UtcTicks - Epoch) << 32) / TimeSpan.TicksPerSecond));

    public void Dispose()
    {
        _stopping = true;
        _socket.Dispose();
        _thread.Join();
    }

    private void Serve()
    {
        byte[] request = new byte[1024];
        while (!_stopping)
        {
            try
            {
                EndPoint from = new IPEndPoint(_socket.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
                int length = _socket.ReceiveFrom(request, ref from);
                lock (Requests)
                {
                    Requests.Add((((IPEndPoint)from).Port, BinaryPrimitives.ReadUInt64BigEndian(request.AsSpan(40))));
                }

                Interlocked.Increment(ref _requests);
                OnWayThere();
                byte[] answer = Answer(request);
                OnWayBack();
                foreach (byte[] packet in Misbehave(answer) ?? [])
                {
                    _socket.SendTo(packet, from);
                }

                _ = length;
            }
            catch (SocketException)
            {
                // the client has closed its port, or the test is over
            }
            catch (ObjectDisposedException)
            {
                return;
            }
        }
    }

    private byte[] Answer(byte[] request)
    {
        byte[] answer = new byte[48];
        var now = TimeProvider.System.GetUtcNow() + Offset;
        answer[0] = (4 << 3) | 4;
        answer[1] = 2;
        answer[2] = 6;
        answer[3] = unchecked((byte)-22);
        BinaryPrimitives.WriteUInt32BigEndian(answer.AsSpan(12), 0x7F000001);
        WriteTime(answer.AsSpan(16), now - TimeSpan.FromSeconds(10));
        request.AsSpan(40, 8).CopyTo(answer.AsSpan(24));
        WriteTime(answer.AsSpan(32), now);
        WriteTime(answer.AsSpan(40), TimeProvider.System.GetUtcNow() + Offset);
        return answer;
    }
}
