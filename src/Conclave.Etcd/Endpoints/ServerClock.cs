using System.Net.Http;
using Conclave.Storage;

namespace Conclave.Etcd;

/// <summary>Asks for the time. etcd tells it only in the header of what it serves over HTTP/1.1 at the address of its gRPC.</summary>
internal sealed class ServerClock(Cluster cluster, EtcdStoreOptions options, TimeProvider time)
{
    /// <exception cref="StoreUnavailableException">No member tells.</exception>
    public async ValueTask<DateTimeOffset> AskAsync(CancellationToken cancellationToken)
    {
        Exception? last = null;
        foreach (var endpoint in cluster.FromPreferred())
        {
            using var timeout = new CancellationTokenSource(options.AnswerTimeout, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
            try
            {
                if (await AskAsync(endpoint.Host, either.Token).ConfigureAwait(false) is { } date)
                {
                    return date;
                }
            }
            catch (Exception e) when (e is HttpRequestException or System.Net.Sockets.SocketException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                last = e;
            }
        }

        cancellationToken.ThrowIfCancellationRequested();
        throw new StoreUnavailableException($"etcd at {cluster.Address} does not tell the time.", last);
    }

    private async ValueTask<DateTimeOffset?> AskAsync(StoreHost host, CancellationToken cancellationToken)
    {
        // a connection of its own: those of calls speak HTTP/2 and belong to gRPC. Anybody may ask for the version.
        using var http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectTimeout = options.ConnectTimeout,
            SslOptions = options.UsesTls ? TlsFiles.Load(options, host) : new(),
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{(options.UsesTls ? "https" : "http")}://{host}/version");
        using var response = await http.SendAsync(request, cancellationToken).ConfigureAwait(false);
        return response.Headers.Date;
    }
}
