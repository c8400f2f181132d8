using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Conclave.Servers;

/// <summary>The little of the PostgreSQL protocol (3.0, simple queries) that a fixture asks with, for a user that needs no password.</summary>
internal sealed class PostgresConnection : IAsyncDisposable
{
    private readonly TcpClient _client = new() { NoDelay = true };
    private Stream _stream = Stream.Null;

    private PostgresConnection()
    {
    }

    public static async Task<PostgresConnection> OpenAsync(string host, int port, string user, CancellationToken cancellationToken)
    {
        var connection = new PostgresConnection();
        try
        {
            await connection._client.ConnectAsync(host, port, cancellationToken);
            connection._stream = new BufferedStream(connection._client.GetStream());
            byte[] version = [0, 3, 0, 0];
            await connection.SendAsync(null, [.. version, .. Encoding.UTF8.GetBytes($"user\0{user}\0database\0postgres\0\0")], cancellationToken);
            await connection.ReadRowsAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public async Task<IReadOnlyList<string?[]>> QueryAsync(string sql, CancellationToken cancellationToken)
    {
        await SendAsync('Q', Encoding.UTF8.GetBytes(sql + '\0'), cancellationToken);
        return await ReadRowsAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _client.Dispose();
    }

    private async Task SendAsync(char? type, byte[] body, CancellationToken cancellationToken)
    {
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, body.Length + 4);
        byte[] message = [.. type is { } t ? [(byte)t] : Array.Empty<byte>(), .. length, .. body];
        await _stream.WriteAsync(message, cancellationToken);
        await _stream.FlushAsync(cancellationToken);
    }

    /// <summary>Reads until the server is ready for the next query.</summary>
    private async Task<List<string?[]>> ReadRowsAsync(CancellationToken cancellationToken)
    {
        var rows = new List<string?[]>();
        string? error = null;
        byte[] header = new byte[5];
        while (true)
        {
            try
            {
                await _stream.ReadExactlyAsync(header, cancellationToken);
            }
            catch (EndOfStreamException) when (error is not null)
            {
                // a refused connection ends with its error
                throw new InvalidOperationException(error);
            }

            byte[] body = new byte[BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(1)) - 4];
            await _stream.ReadExactlyAsync(body, cancellationToken);
            switch ((char)header[0])
            {
                case 'D':
                    rows.Add(Row(body));
                    break;
                case 'E':
                    error ??= Encoding.UTF8.GetString(body).Replace('\0', ' ');
                    break;
                case 'Z':
                    return error is null ? rows : throw new InvalidOperationException(error);
            }
        }
    }

    private static string?[] Row(byte[] body)
    {
        var fields = new string?[BinaryPrimitives.ReadInt16BigEndian(body)];
        int at = 2;
        for (int i = 0; i < fields.Length; i++)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(at));
            at += 4;
            if (length >= 0)
            {
                fields[i] = Encoding.UTF8.GetString(body, at, length);
                at += length;
            }
        }

        return fields;
    }
}
