using System.Net.Security;
using System.Security.Authentication;
using Conclave.Storage;

namespace Conclave.Etcd;

/// <summary>
/// Asks a server that hung up on a new connection why, once more and by hand: etcd says nothing to who speaks TLS or does not, and with TLS 1.3 it
/// refuses a client's certificate only when the handshake is over, which the HTTP handler does not pass on.
/// </summary>
internal sealed class Probe(StoreHost host, SslClientAuthenticationOptions? tls)
{
    private static readonly byte[] Preface = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, 0, 0, 0, 4, 0, 0, 0, 0, 0];

    /// <summary>What is wrong, or null when that cannot be told.</summary>
    public async ValueTask<RpcException?> ExplainAsync(CancellationToken cancellationToken)
    {
        var (kind, error) = await TryAsync(tls ?? AnyServer(), cancellationToken).ConfigureAwait(false);
        if (tls is null)
        {
            return kind == PeerKind.Tls ? new(RpcFailure.Tls, wasSent: false, Connector.WantsTls) : null;
        }

        if (kind == PeerKind.Tls)
        {
            return error is not null && Connector.IsTlsAlert(error)
                ? new(RpcFailure.Tls, wasSent: false, Connector.WantsCertificate(Connector.Innermost(error).Message), error)
                : null;
        }

        (kind, _) = await TryAsync(null, cancellationToken).ConfigureAwait(false);
        return kind is PeerKind.Http2 or PeerKind.Http1 ? new(RpcFailure.Tls, wasSent: false, Connector.WantsNoTls) : null;
    }

    private async ValueTask<(PeerKind Kind, Exception? Error)> TryAsync(SslClientAuthenticationOptions? ssl, CancellationToken cancellationToken)
    {
        var first = new FirstBytes();
        try
        {
            var stream = await Connector.ConnectAsync(host, first, cancellationToken).ConfigureAwait(false);
            await using var plain = stream.ConfigureAwait(false);
            var secured = ssl is null ? stream : await SecureAsync(stream, ssl, cancellationToken).ConfigureAwait(false);
            await using var encrypted = secured.ConfigureAwait(false);
            await secured.WriteAsync(Preface, cancellationToken).ConfigureAwait(false);
            await secured.FlushAsync(cancellationToken).ConfigureAwait(false);
            _ = await secured.ReadAsync(new byte[16], cancellationToken).ConfigureAwait(false);
            return (first.Kind, null);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return (first.Kind, e);
        }
    }

    private static async ValueTask<Stream> SecureAsync(Stream stream, SslClientAuthenticationOptions ssl, CancellationToken cancellationToken)
    {
        var secured = new SslStream(stream);
        try
        {
            await secured.AuthenticateAsClientAsync(ssl, cancellationToken).ConfigureAwait(false);
            return secured;
        }
        catch
        {
            await secured.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    // only to see whether TLS is spoken at all: nothing is sent over it
    private SslClientAuthenticationOptions AnyServer() => new()
    {
        TargetHost = host.Name,
        RemoteCertificateValidationCallback = static (_, _, _, _) => throw new AuthenticationException("only a probe"),
    };
}
