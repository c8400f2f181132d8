using System.Globalization;
using System.Net.Sockets;

namespace Conclave.Torture;

/// <summary>A worker's way to the guarded resource: reads and writes carry the token.</summary>
internal sealed class ResourceClient : IAsyncDisposable
{
    private readonly NetworkStream _stream;
    private readonly StreamReader _reader;
    private readonly StreamWriter _writer;

    private ResourceClient(NetworkStream stream) => (_stream, _reader, _writer) = (stream, new(stream), new(stream) { AutoFlush = true });

    public static async Task<ResourceClient> ConnectAsync(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        return new(new NetworkStream(socket, ownsSocket: true));
    }

    /// <summary>The value; null when the token is too old to read.</summary>
    public async Task<long?> ReadAsync(string name, FencingToken token)
    {
        string answer = await AskAsync(string.Create(CultureInfo.InvariantCulture, $"read {name} {token}"));
        return answer == "refused" ? null : long.Parse(answer, CultureInfo.InvariantCulture);
    }

    /// <summary>False when the token is too old to write.</summary>
    public async Task<bool> WriteAsync(string name, FencingToken token, long value) =>
        await AskAsync(string.Create(CultureInfo.InvariantCulture, $"write {name} {token} {value}")) == "accepted";

    public ValueTask DisposeAsync() => _stream.DisposeAsync();

    private async Task<string> AskAsync(string line)
    {
        await _writer.WriteLineAsync(line);
        return await _reader.ReadLineAsync() ?? throw new IOException("The guarded resource has gone.");
    }
}
