using System.Globalization;
using System.Net;
using Conclave.Storage;
using Google.Protobuf;

namespace Conclave.Etcd;

/// <summary>
/// gRPC over HTTP/2 (grpc PROTOCOL-HTTP2), as far as etcd needs it: one connection, messages without compression, metadata as text.
/// </summary>
internal sealed class GrpcWire : IEtcdWire
{
    private static readonly HttpRequestOptionsKey<bool> Handshake = new("Conclave.Etcd.Handshake");

    private readonly HttpMessageInvoker _http;
    private readonly Connector _connector;
    private readonly Probe _probe;
    private readonly string _origin;
    private readonly TimeProvider _time;

    public GrpcWire(StoreHost host, EtcdStoreOptions options, TimeProvider time)
    {
        _time = time;
        _origin = $"{(options.UsesTls ? "https" : "http")}://{host}";
        var tls = options.UsesTls ? TlsFiles.Load(options, host) : null;
        _connector = new(host, options.UsesTls);
        _probe = new(host, tls);
        _http = new(new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            // a second connection would begin without a handshake; etcd limits no streams unless told to, and then calls wait for one
            EnableMultipleHttp2Connections = false,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            PooledConnectionLifetime = Timeout.InfiniteTimeSpan,
            ConnectTimeout = options.ConnectTimeout,

            // etcd counts pings that come less than 5 s apart as an attack and hangs up (--grpc-keepalive-min-time)
            KeepAlivePingDelay = TimeSpan.FromSeconds(6),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(2),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            InitialHttp2StreamWindowSize = 1 << 20,
            SslOptions = tls ?? new(),
            ConnectCallback = ConnectAsync,
        });
    }

    public async ValueTask<TResponse> CallAsync<TResponse>(
        RpcMethod<TResponse> method, IMessage request, CallSettings settings, CancellationToken cancellationToken)
        where TResponse : class, IMessage<TResponse>
    {
        using var timeout = new CancellationTokenSource(settings.Timeout, _time);
        using var registration = cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), timeout);
        using var content = new GrpcContent(request, staysOpen: false);
        using var message = Request(method, content, settings.Token, settings.IsHandshake);
        message.Headers.TryAddWithoutValidation(
            "grpc-timeout", string.Create(CultureInfo.InvariantCulture, $"{(long)settings.Timeout.TotalMilliseconds}m"));
        try
        {
            using var response = await _http.SendAsync(message, timeout.Token).ConfigureAwait(false);
            GrpcStatus.CheckHeaders(response);
            var body = await response.Content.ReadAsStreamAsync(timeout.Token).ConfigureAwait(false);
            await using var _ = body.ConfigureAwait(false);
            using var reader = new GrpcFrameReader(body);
            var answer = await reader.ReadAsync(method.Parser, timeout.Token).ConfigureAwait(false);
            await reader.DrainAsync(timeout.Token).ConfigureAwait(false);
            GrpcStatus.Check(response);
            return answer ?? throw new RpcException(RpcFailure.NotEtcd, wasSent: true, "the answer holds no message");
        }
        catch (Exception e) when (e is not RpcException)
        {
            var explained = Explain(e, content.WasSent, settings.IsHandshake, cancellationToken);
            throw settings.IsHandshake && explained is RpcException { Failure: RpcFailure.Interrupted }
                ? await _probe.ExplainAsync(timeout.Token).ConfigureAwait(false) ?? explained
                : explained;
        }
    }

    public async ValueTask<IResponseStream<TResponse>> OpenAsync<TResponse>(
        RpcMethod<TResponse> method, IMessage request, string? token, CancellationToken cancellationToken)
        where TResponse : class, IMessage<TResponse>
    {
        var content = new GrpcContent(request, staysOpen: true);
        var message = Request(method, content, token, isHandshake: false);
        try
        {
            var response = await _http.SendAsync(message, cancellationToken).ConfigureAwait(false);
            try
            {
                GrpcStatus.CheckHeaders(response);
                var body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
                return new ResponseStream<TResponse>(this, method, message, response, content, body);
            }
            catch
            {
                response.Dispose();
                throw;
            }
        }
        catch (Exception e)
        {
            bool wasSent = content.WasSent;
            message.Dispose();
            if (e is RpcException)
            {
                throw;
            }

            throw Explain(e, wasSent, isHandshake: false, cancellationToken);
        }
    }

    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return ValueTask.CompletedTask;
    }

    private HttpRequestMessage Request<TResponse>(RpcMethod<TResponse> method, GrpcContent content, string? token, bool isHandshake)
        where TResponse : IMessage<TResponse>
    {
        var message = new HttpRequestMessage(HttpMethod.Post, _origin + method.Path)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        message.Headers.TryAddWithoutValidation("te", "trailers");

        // a member without a leader refuses at once, before it does anything, instead of letting us wait
        message.Headers.TryAddWithoutValidation("hasleader", "true");
        if (!string.IsNullOrEmpty(token))
        {
            message.Headers.TryAddWithoutValidation("token", token);
        }

        if (isHandshake)
        {
            message.Options.Set(Handshake, true);
        }

        return message;
    }

    /// <summary>Only a handshake may make a connection, so that every other call goes to a server that is known: the right cluster, and etcd.</summary>
    private ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken) =>
        context.InitialRequestMessage.Options.TryGetValue(Handshake, out bool isHandshake) && isHandshake
            ? _connector.ConnectAsync(cancellationToken)
            : throw new RpcException(RpcFailure.NotReady, wasSent: false, "the connection was lost");

    private Exception Explain(Exception e, bool wasSent, bool isHandshake, CancellationToken cancellationToken)
    {
        switch (e)
        {
            case OperationCanceledException when cancellationToken.IsCancellationRequested && !wasSent:
                return new OperationCanceledException(cancellationToken);
            case OperationCanceledException:
                return new RpcException(RpcFailure.TimedOut, wasSent, wasSent ? "no answer in time" : "no connection in time", e);
            case ObjectDisposedException:
                return new RpcException(RpcFailure.Interrupted, wasSent, "the connection was closed", e);
            case InvalidDataException:
                return new RpcException(RpcFailure.NotEtcd, wasSent, e.Message, e);
        }

        return _connector.Explain(e, wasSent, isHandshake);
    }

    private sealed class ResponseStream<TResponse>(
        GrpcWire wire, RpcMethod<TResponse> method, HttpRequestMessage request, HttpResponseMessage response, GrpcContent content, Stream body)
        : IResponseStream<TResponse>
        where TResponse : class, IMessage<TResponse>
    {
        private readonly GrpcFrameReader _reader = new(body);

        public async ValueTask<TResponse> ReadAsync(CancellationToken cancellationToken)
        {
            try
            {
                if (await _reader.ReadAsync(method.Parser, cancellationToken).ConfigureAwait(false) is { } message)
                {
                    return message;
                }

                GrpcStatus.Check(response);
                throw new RpcException(RpcFailure.Interrupted, wasSent: true, "the server ended the stream");
            }
            catch (Exception e) when (e is not RpcException)
            {
                cancellationToken.ThrowIfCancellationRequested();
                throw wire.Explain(e, wasSent: true, isHandshake: false, cancellationToken);
            }
        }

        public async ValueTask DisposeAsync()
        {
            content.Close();
            await body.DisposeAsync().ConfigureAwait(false);
            response.Dispose();
            request.Dispose();
            _reader.Dispose();
        }
    }
}
