using Conclave.Etcd.Messages;
using Google.Protobuf;

namespace Conclave.Etcd;

/// <summary>One method of etcd's API: its path, and how its answers are read.</summary>
internal sealed record RpcMethod<TResponse>(string Path, MessageParser<TResponse> Parser)
    where TResponse : IMessage<TResponse>;

/// <summary>The methods that Conclave calls.</summary>
internal static class EtcdApi
{
    public static readonly RpcMethod<TxnResponse> Txn = new("/etcdserverpb.KV/Txn", TxnResponse.Parser);
    public static readonly RpcMethod<RangeResponse> Range = new("/etcdserverpb.KV/Range", RangeResponse.Parser);
    public static readonly RpcMethod<LeaseGrantResponse> LeaseGrant = new("/etcdserverpb.Lease/LeaseGrant", LeaseGrantResponse.Parser);
    public static readonly RpcMethod<LeaseRevokeResponse> LeaseRevoke = new("/etcdserverpb.Lease/LeaseRevoke", LeaseRevokeResponse.Parser);

    /// <summary>A stream in both directions for etcd; one request and one answer are a legal use of it.</summary>
    public static readonly RpcMethod<LeaseKeepAliveResponse> LeaseKeepAlive = new("/etcdserverpb.Lease/LeaseKeepAlive", LeaseKeepAliveResponse.Parser);

    public static readonly RpcMethod<WatchResponse> Watch = new("/etcdserverpb.Watch/Watch", WatchResponse.Parser);
    public static readonly RpcMethod<AuthenticateResponse> Authenticate = new("/etcdserverpb.Auth/Authenticate", AuthenticateResponse.Parser);
    public static readonly RpcMethod<StatusResponse> Status = new("/etcdserverpb.Maintenance/Status", StatusResponse.Parser);
}
