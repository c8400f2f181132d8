using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Conclave.Servers;

/// <summary>
/// Free ports of the loopback interface, held by sockets that are bound and do not listen: the server that they are meant for
/// may still listen on them (all of ours set SO_REUSEADDR), and no other program is given them, not even while that server is dead.
/// </summary>
internal sealed class ReservedPorts : IDisposable
{
    private readonly Socket[] _sockets;

    public ReservedPorts(int count)
    {
        _sockets = [.. Enumerable.Range(0, count).Select(_ => BoundTo(0))];
    }

    public int this[int index] => ((IPEndPoint)_sockets[index].LocalEndPoint!).Port;

    /// <summary>A socket that shares its port with those of a server, and refuses whoever connects until it listens.</summary>
    public static Socket BoundTo(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        // .NET's own option would set SO_REUSEPORT too, and let a stranger share the port
        const int SolSocket = 1, SoReuseAddress = 2;
        socket.SetRawSocketOption(SolSocket, SoReuseAddress, MemoryMarshal.AsBytes<int>([1]));
        socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
        return socket;
    }

    public void Dispose()
    {
        foreach (var socket in _sockets)
        {
            socket.Dispose();
        }
    }
}
