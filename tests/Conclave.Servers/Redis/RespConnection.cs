using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Conclave.Servers;

/// <summary>The little of the Redis protocol (RESP2) that asks one question after the other.</summary>
internal sealed class RespConnection : IAsyncDisposable
{
    private readonly TcpClient _client;
    private readonly Stream _stream;
    private readonly byte[] _one = new byte[1];

    private RespConnection(TcpClient client, Stream stream) => (_client, _stream) = (client, new BufferedStream(stream));

    public static async Task<RespConnection> OpenAsync(string host, int port, Certificates? certificates, CancellationToken cancellationToken)
    {
        var client = new TcpClient { NoDelay = true };
        try
        {
            await client.ConnectAsync(host, port, cancellationToken);
            if (certificates is null)
            {
                return new(client, client.GetStream());
            }

            var tls = new SslStream(client.GetStream());
            await tls.AuthenticateAsClientAsync(certificates.ClientOptions(), cancellationToken);
            return new(client, tls);
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    public async Task<string?> AskAsync(string[] command, CancellationToken cancellationToken)
    {
        var request = new StringBuilder().Append(CultureInfo.InvariantCulture, $"*{command.Length}\r\n");
        foreach (string part in command)
        {
            request.Append(CultureInfo.InvariantCulture, $"${Encoding.UTF8.GetByteCount(part)}\r\n{part}\r\n");
        }

        await _stream.WriteAsync(Encoding.UTF8.GetBytes(request.ToString()), cancellationToken);
        await _stream.FlushAsync(cancellationToken);
        return await ReadAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _client.Dispose();
    }

    private async Task<string?> ReadAsync(CancellationToken cancellationToken)
    {
        string line = await ReadLineAsync(cancellationToken);
        return line[0] switch
        {
            '+' or ':' => line[1..],
            '-' => throw new InvalidOperationException(line[1..]),
            '$' => await ReadBulkAsync(Number(line), cancellationToken),
            '*' => await ReadListAsync(Number(line), cancellationToken),
            _ => throw new InvalidDataException($"Not an answer: {line}"),
        };
    }

    private async Task<string?> ReadBulkAsync(int length, CancellationToken cancellationToken)
    {
        if (length < 0)
        {
            return null;
        }

        byte[] bytes = new byte[length + 2];
        await _stream.ReadExactlyAsync(bytes, cancellationToken);
        return Encoding.UTF8.GetString(bytes, 0, length);
    }

    private async Task<string?> ReadListAsync(int length, CancellationToken cancellationToken)
    {
        if (length < 0)
        {
            return null;
        }

        var parts = new List<string?>();
        for (int i = 0; i < length; i++)
        {
            parts.Add(await ReadAsync(cancellationToken));
        }

        return string.Join('\n', parts);
    }

    private async Task<string> ReadLineAsync(CancellationToken cancellationToken)
    {
        var line = new StringBuilder();
        while (line.Length < 2 || line[^1] != '\n')
        {
            await _stream.ReadExactlyAsync(_one, cancellationToken);
            line.Append((char)_one[0]);
        }

        return line.ToString(0, line.Length - 2);
    }

    private static int Number(string line) => int.Parse(line.AsSpan(1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
}
