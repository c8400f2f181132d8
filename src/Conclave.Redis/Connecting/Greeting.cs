using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Conclave.Storage;

namespace Conclave.Redis;

/// <summary>Connects to one server and greets it: TLS, user, database, and what it says about itself.</summary>
internal static class Greeting
{
    private const int DefaultPort = 6379;

    /// <summary>Connects.</summary>
    /// <exception cref="ConclaveException">The server cannot be reached or used; nothing was applied.</exception>
    public static async Task<(RespConnection Connection, ServerInfo Server)> ConnectAsync(
        RedisStoreOptions options, StoreHost host, TimeProvider time, PushHandler? onPush, CancellationToken cancellationToken)
    {
        string address = new StoreHost(host.Name, host.Port ?? DefaultPort).ToString();
        using var timeout = new CancellationTokenSource(options.ConnectTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        RespConnection? connection = null;
        try
        {
            var stream = await ConnectStreamAsync(options, host, address, either.Token).ConfigureAwait(false);
            connection = new RespConnection(stream, time, options.CommandTimeout, onPush);
            var server = await GreetAsync(connection, options, address, either.Token).ConfigureAwait(false);
            return (connection, server);
        }
        catch (Exception e)
        {
            if (connection is not null)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }

            cancellationToken.ThrowIfCancellationRequested();
            throw e as ConclaveException ?? Failures.OfConnecting(e, address, options);
        }
    }

    private static async Task<Stream> ConnectStreamAsync(RedisStoreOptions options, StoreHost host, string address, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Stream stream;
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 15);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 5);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
            await socket.ConnectAsync(host.Name, host.Port ?? DefaultPort, cancellationToken).ConfigureAwait(false);
            stream = new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        if (!options.UseTls)
        {
            return stream;
        }

        var tls = new SslStream(stream);
        try
        {
            var given = options.TlsOptions ?? new();
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = given.TargetHost ?? host.Name,
                    ClientCertificates = given.ClientCertificates,
                    ClientCertificateContext = given.ClientCertificateContext,
                    LocalCertificateSelectionCallback = given.LocalCertificateSelectionCallback,
                    RemoteCertificateValidationCallback = given.RemoteCertificateValidationCallback,
                    CertificateChainPolicy = given.CertificateChainPolicy,
                    CertificateRevocationCheckMode = given.CertificateRevocationCheckMode,
                    EnabledSslProtocols = given.EnabledSslProtocols,
                },
                cancellationToken).ConfigureAwait(false);
            return tls;
        }
        catch (AuthenticationException e)
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            throw new StoreAccessException($"TLS with the server {address} failed: {e.Message.TrimEnd('.')}. Is it a port without TLS ('redis://')?", e);
        }
        catch (OperationCanceledException e)
        {
            // a server without TLS waits for the end of a line that never comes
            await tls.DisposeAsync().ConfigureAwait(false);
            throw new StoreUnavailableException($"The server {address} did not answer the greeting of TLS. Is it a port without TLS ('redis://')?", e);
        }
        catch
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async Task<ServerInfo> GreetAsync(RespConnection connection, RedisStoreOptions options, string address, CancellationToken cancellationToken)
    {
        string[] hello = options is { User: null, Password: null }
            ? ["HELLO", "3", "SETNAME", "conclave"]
            : ["HELLO", "3", "AUTH", options.User ?? "default", options.Password ?? "", "SETNAME", "conclave"];

        // all in one go: the first that fails is the one that says why
        var answers = new List<Task> { connection.SendAsync(new PlainCommand<bool>(Done, hello), cancellationToken) };
        if (options.Database != 0)
        {
            answers.Add(connection.SendAsync(
                new PlainCommand<bool>(Done, "SELECT", options.Database.ToString(CultureInfo.InvariantCulture)), cancellationToken));
        }

        var info = connection.SendAsync(new PlainCommand<string>(static (ref RespReader answer) => answer.ReadText(), "INFO"), cancellationToken);
        answers.Add(info);
        foreach (var answer in answers)
        {
            await answer.ConfigureAwait(false);
        }

        return ServerInfo.Parse(await info.ConfigureAwait(false), address, options.AllowEviction);
    }

    private static bool Done(ref RespReader answer)
    {
        answer.Skip();
        return true;
    }
}
