using Google.Protobuf;

namespace Conclave.Etcd;

/// <summary>
/// The connection to one etcd server: the only seam between the store and gRPC. Grpc.Net.Client, where it can be had, would fit behind it.
/// </summary>
internal interface IEtcdWire : IAsyncDisposable
{
    /// <summary>Sends one message and reads one.</summary>
    /// <exception cref="RpcException">The call failed; it says whether the server may have read the request.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, and nothing was sent.</exception>
    ValueTask<TResponse> CallAsync<TResponse>(RpcMethod<TResponse> method, IMessage request, CallSettings settings, CancellationToken cancellationToken)
        where TResponse : class, IMessage<TResponse>;

    /// <summary>Sends one message and leaves the stream open for answers.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    ValueTask<IResponseStream<TResponse>> OpenAsync<TResponse>(RpcMethod<TResponse> method, IMessage request, string? token, CancellationToken cancellationToken)
        where TResponse : class, IMessage<TResponse>;
}

/// <summary>The answers of a stream.</summary>
internal interface IResponseStream<TResponse> : IAsyncDisposable
{
    /// <summary>The next answer.</summary>
    /// <exception cref="RpcException">The stream ended or broke.</exception>
    ValueTask<TResponse> ReadAsync(CancellationToken cancellationToken);
}

/// <summary>How a call is sent.</summary>
/// <param name="Timeout">How long the server may take.</param>
/// <param name="Token">The token of an authenticated user, or null.</param>
/// <param name="IsHandshake">Whether the call may be the first one on a new connection.</param>
internal readonly record struct CallSettings(TimeSpan Timeout, string? Token = null, bool IsHandshake = false);
