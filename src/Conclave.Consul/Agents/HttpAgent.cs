using System.Globalization;
using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Conclave.Storage;

namespace Conclave.Consul;

/// <summary>One agent over HTTP/1.1: a pool of connections, one for each call that is under way.</summary>
internal sealed class HttpAgent : IAgent
{
    private readonly HttpMessageInvoker _http;
    private readonly ConsulStoreOptions _options;
    private readonly TimeProvider _time;
    private readonly string _origin;

    public HttpAgent(StoreHost host, ConsulStoreOptions options, TimeProvider time)
    {
        (_options, _time) = (options, time);
        host = host with { Port = host.Port ?? (options.UsesTls ? ConsulStoreOptions.DefaultTlsPort : ConsulStoreOptions.DefaultPort) };
        Address = host.ToString();
        _origin = $"{(options.UsesTls ? "https" : "http")}://{host}";
        _http = new(new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            ConnectTimeout = options.ConnectTimeout,

            // those of a burst are given back soon: all processes of a machine share what an agent allows one address
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(15),
            SslOptions = options.UsesTls ? TlsFiles.Load(options, host) : new(),
        });
    }

    public string Address { get; }

    public async ValueTask<ConsulAnswer> CallAsync(ConsulRequest request, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(request.Timeout, _time);
        using var registration = cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), timeout);
        using var content = request.Body.IsEmpty ? null : new Body(request.Body);
        using var message = new HttpRequestMessage(request.Method, ToUri(request.Path)) { Content = content };
        if (_options.Token is { } token)
        {
            message.Headers.TryAddWithoutValidation("X-Consul-Token", token);
        }

        // a request without a body changes nothing that it does harm to repeat
        bool WasSent() => content?.WasSent ?? true;
        try
        {
            using var response = await _http.SendAsync(message, timeout.Token).ConfigureAwait(false);
            byte[] body = await response.Content.ReadAsByteArrayAsync(timeout.Token).ConfigureAwait(false);
            int status = (int)response.StatusCode;
            if (status != 200 && !request.IsGood.Contains(status))
            {
                string text = Encoding.UTF8.GetString(body.AsSpan(0, Math.Min(body.Length, 500))).Trim();
                throw new AgentException(status, text.Length == 0 ? $"status {status}" : text);
            }

            long index = response.Headers.TryGetValues("X-Consul-Index", out var values)
                && long.TryParse(values.First(), NumberStyles.None, CultureInfo.InvariantCulture, out long parsed) ? parsed : 0;
            return new(status, body, index, response.Headers.Date);
        }
        catch (OperationCanceledException e)
        {
            throw new AgentException(AgentFailure.TimedOut, WasSent(), cancellationToken.IsCancellationRequested ? "the call was cancelled" : $"no answer within {request.Timeout.TotalSeconds} s", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or ObjectDisposedException or SocketException)
        {
            // a bare SocketException is that of a connection which was reset while the handler asked it where it leads
            throw Explain(e, WasSent());
        }
    }

    public void Dispose() => _http.Dispose();

    // as it is: .NET would unescape and shorten what is part of a key
    private Uri ToUri(string path)
    {
        string dc = _options.Datacenter is { } name ? (path.Contains('?', StringComparison.Ordinal) ? "&" : "?") + "dc=" + Uri.EscapeDataString(name) : "";
        return new(_origin + path + dc, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
    }

    private static AgentException Explain(Exception e, bool wasSent)
    {
        for (Exception? inner = e; inner is not null; inner = inner.InnerException)
        {
            switch (inner)
            {
                case AuthenticationException:
                    return new(AgentFailure.Tls, wasSent: false, TlsHint(inner), e);
                case SocketException socket when !wasSent || inner == e || e is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError }:
                    return new(AgentFailure.Unreachable, wasSent: false, socket.Message, e);
            }
        }

        return e is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError }
            ? new(AgentFailure.Unreachable, wasSent: false, Innermost(e).Message, e)
            : new(AgentFailure.Interrupted, wasSent, Innermost(e).Message, e);
    }

    private static string TlsHint(Exception e)
    {
        string cause = Innermost(e).Message;
        return cause.Contains("alert", StringComparison.OrdinalIgnoreCase)
            ? $"the agent wants a client certificate that it trusts: set cert and key ({cause})"
            : $"it does not speak TLS (then leave out tls=true), or its certificate is not trusted: set ca to the authority that issued it, and connect by a name it was issued for ({cause})";
    }

    private static Exception Innermost(Exception e)
    {
        while (e.InnerException is { } inner)
        {
            e = inner;
        }

        return e;
    }

    /// <summary>A body that knows whether any of it may have left.</summary>
    private sealed class Body : HttpContent
    {
        private readonly ReadOnlyMemory<byte> _bytes;
        private volatile bool _wasSent;

        public Body(ReadOnlyMemory<byte> bytes)
        {
            _bytes = bytes;
            Headers.TryAddWithoutValidation("Content-Type", "application/json");
        }

        public bool WasSent => _wasSent;

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            _wasSent = true;
            return stream.WriteAsync(_bytes, cancellationToken).AsTask();
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _bytes.Length;
            return true;
        }
    }
}
