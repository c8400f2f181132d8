using System.Net.Sockets;

namespace Conclave.Servers.Tests;

internal static class Sockets
{
    public static async Task SendAllAsync(this Socket socket, ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await socket.SendAsync(bytes).AsTask().InTime()..];
        }
    }

    public static async Task SendAllAsync(this Socket socket, byte[] bytes) => await socket.SendAllAsync(bytes.AsMemory());

    public static async Task ReceiveAllAsync(this Socket socket, Memory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int read = await socket.ReceiveAsync(bytes).AsTask().InTime();
            Assert.NotEqual(0, read);
            bytes = bytes[read..];
        }
    }

    public static async Task<byte[]> ReceiveAsync(this Socket socket, int count)
    {
        byte[] bytes = new byte[count];
        await socket.ReceiveAllAsync(bytes);
        return bytes;
    }
}
