using System.Collections.Concurrent;
using Conclave.Alternatives.Messages;
using Conclave.Etcd;
using Conclave.Etcd.Messages;
using Conclave.Storage;
using Google.Protobuf;

namespace Conclave.Alternatives;

/// <summary>
/// etcd's own lock service: the server waits in the queue for us. Whoever calls it keeps a lease alive, and has to find out by himself when
/// that failed. Its answer holds no revision that a resource could compare.
/// </summary>
internal sealed class EtcdLock : HandWrittenLock
{
    private static readonly RpcMethod<LockResponse> Lock = new("/v3lockpb.Lock/Lock", LockResponse.Parser);
    private static readonly RpcMethod<UnlockResponse> Unlock = new("/v3lockpb.Lock/Unlock", UnlockResponse.Parser);
    private static readonly CallSettings Brief = new(TimeSpan.FromSeconds(10));
    private static readonly CallSettings Patient = new(TimeSpan.FromMinutes(10));

    private readonly GrpcWire _wire;
    private readonly long _lease;
    private readonly CancellationTokenSource _disposed = new();
    private readonly ConcurrentDictionary<string, ByteString> _held = new();
    private readonly Task _renewing;

    private EtcdLock(GrpcWire wire, long lease, TimeSpan timeToLive)
    {
        (_wire, _lease) = (wire, lease);
        _renewing = RenewAsync(timeToLive / 3);
    }

    public static async Task<EtcdLock> ConnectAsync(StoreHost host, TimeSpan timeToLive)
    {
        var wire = new GrpcWire(host, new EtcdStoreOptions { Endpoints = [host] }, TimeProvider.System);
        await wire.CallAsync(EtcdApi.Status, new StatusRequest(), Brief with { IsHandshake = true }, default);
        var granted = await wire.CallAsync(EtcdApi.LeaseGrant, new LeaseGrantRequest { Ttl = (long)timeToLive.TotalSeconds }, Brief, default);
        return new(wire, granted.Id, timeToLive);
    }

    public override async Task AcquireAsync(string name, CancellationToken cancellationToken = default)
    {
        Count();
        var answer = await _wire.CallAsync(Lock, new LockRequest { Name = ByteString.CopyFromUtf8($"hand/{name}"), Lease = _lease }, Patient, cancellationToken);
        _held[name] = answer.Key;
    }

    public override async Task ReleaseAsync(string name)
    {
        if (_held.TryRemove(name, out var key))
        {
            Count();
            await _wire.CallAsync(Unlock, new UnlockRequest { Key = key }, Brief, default);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await _disposed.CancelAsync();
        await _renewing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _wire.DisposeAsync();
        _disposed.Dispose();
    }

    private async Task RenewAsync(TimeSpan interval)
    {
        using var timer = new PeriodicTimer(interval, TimeProvider.System);
        while (await timer.WaitForNextTickAsync(_disposed.Token))
        {
            Count();
            await _wire.CallAsync(EtcdApi.LeaseKeepAlive, new LeaseKeepAliveRequest { Id = _lease }, Brief, default);
        }
    }
}
