using Conclave.Etcd;
using Conclave.Etcd.Messages;
using Conclave.Servers;
using Conclave.Storage;
using Google.Protobuf;

namespace Conclave.Bench;

/// <summary>The bare wire: etcd's requests without a store.</summary>
internal static class EtcdWires
{
    public static readonly CallSettings Call = new(TimeSpan.FromSeconds(10));

    public static EtcdStoreOptions Options(string host, int port, string name) => new() { Endpoints = [new(host, port)], Namespace = name };

    public static async Task<GrpcWire> ConnectAsync(EtcdServer server)
    {
        var wire = new GrpcWire(new(server.Host, server.Port), Options(server.Host, server.Port, "bench"), TimeProvider.System);
        await wire.CallAsync(EtcdApi.Status, new StatusRequest(), Call with { IsHandshake = true }, CancellationToken.None);
        return wire;
    }

    /// <summary>The least that a write costs.</summary>
    public static async Task PutAsync(IEtcdWire wire, string key)
    {
        var put = new TxnRequest { Success = { new RequestOp { Put = new() { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8("value") } } } };
        await wire.CallAsync(EtcdApi.Txn, put, Call, CancellationToken.None);
    }
}

/// <summary>What a lock has sent, to be sent again: one Txn that joins, one that leaves.</summary>
internal sealed class TxnPair(IEtcdWire wire, TxnRequest join, TxnRequest leave)
{
    private readonly TxnRequest _leave = leave.Clone();

    public async Task SendAsync()
    {
        var key = join.Success[0].Put.Key;
        var joined = await wire.CallAsync(EtcdApi.Txn, join, EtcdWires.Call, CancellationToken.None);

        // who leaves says which revision of its entry it means
        _leave.Compare.Single(c => c.Key == key).ModRevision = joined.Header.Revision;
        var left = await wire.CallAsync(EtcdApi.Txn, _leave, EtcdWires.Call, CancellationToken.None);
        if (!joined.Succeeded || !left.Succeeded)
        {
            throw new InvalidOperationException("What was sent again did not write what it wrote at first.");
        }
    }
}

/// <summary>Counts what goes over one wire or several.</summary>
internal sealed class WireCount
{
    private int _all;
    private int _txns;
    private int _renewals;

    public int All => Volatile.Read(ref _all);

    public int Txns => Volatile.Read(ref _txns);

    public int Renewals => Volatile.Read(ref _renewals);

    /// <summary>Is told of each request, or null.</summary>
    public Action? OnRequest { get; init; }

    /// <summary>Where to keep Txns, or null.</summary>
    public List<TxnRequest>? Recorded { get; set; }

    public void Add(IMessage request)
    {
        Interlocked.Increment(ref _all);
        OnRequest?.Invoke();
        switch (request)
        {
            case TxnRequest txn:
                Interlocked.Increment(ref _txns);
                Recorded?.Add(txn.Clone());
                break;
            case LeaseKeepAliveRequest:
                Interlocked.Increment(ref _renewals);
                break;
        }
    }
}

internal sealed class CountingWire(IEtcdWire inner, WireCount count) : IEtcdWire
{
    public ValueTask<TResponse> CallAsync<TResponse>(RpcMethod<TResponse> method, IMessage request, CallSettings settings, CancellationToken cancellationToken)
        where TResponse : class, IMessage<TResponse>
    {
        count.Add(request);
        return inner.CallAsync(method, request, settings, cancellationToken);
    }

    public ValueTask<IResponseStream<TResponse>> OpenAsync<TResponse>(RpcMethod<TResponse> method, IMessage request, string? token, CancellationToken cancellationToken)
        where TResponse : class, IMessage<TResponse>
    {
        count.Add(request);
        return inner.OpenAsync(method, request, token, cancellationToken);
    }

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
