using System.Net.Http;
using System.Net.Sockets;
using System.Security.Authentication;
using Conclave.Storage;

namespace Conclave.Etcd;

/// <summary>Makes connections to one host, and says in words why one did not work: it looks at the first bytes that came back.</summary>
internal sealed class Connector(StoreHost host, bool usesTls)
{
    private volatile FirstBytes? _last;

    public async ValueTask<Stream> ConnectAsync(CancellationToken cancellationToken)
    {
        var first = new FirstBytes();
        _last = first;
        return await ConnectAsync(host, first, cancellationToken).ConfigureAwait(false);
    }

    public static async ValueTask<Stream> ConnectAsync(StoreHost host, FirstBytes first, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(host.Name, host.Port ?? EtcdStoreOptions.DefaultPort, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        return new FirstBytesStream(new NetworkStream(socket, ownsSocket: true), first);
    }

    /// <summary>What an exception of the HTTP handler means.</summary>
    /// <param name="e">The exception.</param>
    /// <param name="wasSent">Whether the server may have read the request.</param>
    /// <param name="isHandshake">Whether the call made its connection: only then do the connection's first bytes say anything about it.</param>
    public RpcException Explain(Exception e, bool wasSent, bool isHandshake)
    {
        for (Exception? inner = e; inner is not null; inner = inner.InnerException)
        {
            switch (inner)
            {
                case RpcException rpc:
                    return rpc;
                case AuthenticationException:
                    return new(RpcFailure.Tls, wasSent, TlsHint(inner), e);
                case SocketException { SocketErrorCode: not (SocketError.ConnectionReset or SocketError.Shutdown or SocketError.ConnectionAborted) } socket
                    when !wasSent:
                    return new(RpcFailure.Unreachable, wasSent, socket.Message, e);
            }
        }

        switch (isHandshake ? _last?.Kind : null)
        {
            case PeerKind.Tls when !usesTls:
                return new(RpcFailure.Tls, wasSent: false, WantsTls, e);
            case PeerKind.Http1:
                return new(RpcFailure.NotEtcd, wasSent: false, "the server speaks HTTP/1, it is no etcd", e);
            case PeerKind.Unknown when !usesTls:
                return new(RpcFailure.NotEtcd, wasSent: false, "the server does not speak HTTP/2, it is no etcd", e);
        }

        return e is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError }
            ? new(RpcFailure.Unreachable, wasSent, e.Message, e)
            : new(RpcFailure.Interrupted, wasSent, Innermost(e).Message, e);
    }

    private string TlsHint(Exception e)
    {
        string cause = Innermost(e).Message;
        return _last?.Kind is PeerKind.Http2 or PeerKind.Http1
            ? WantsNoTls
            : IsTlsAlert(e)
                ? WantsCertificate(cause)
                : $"its certificate is not trusted: set ca to the authority that issued it, and connect by a name it was issued for ({cause})";
    }

    public const string WantsTls = "the server speaks TLS: add tls=true";
    public const string WantsNoTls = "the server does not speak TLS: leave out tls=true";

    public static string WantsCertificate(string cause) => $"the server wants a client certificate that it trusts: set cert and key ({cause})";

    // OpenSSL's text
    public static bool IsTlsAlert(Exception e) => Innermost(e).Message.Contains("alert", StringComparison.OrdinalIgnoreCase);

    public static Exception Innermost(Exception e)
    {
        while (e.InnerException is { } inner)
        {
            e = inner;
        }

        return e;
    }
}
