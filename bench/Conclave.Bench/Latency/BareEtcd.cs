using Conclave.Etcd;
using Conclave.Etcd.Messages;

namespace Conclave.Bench;

/// <summary>What a lock has sent, to be sent again: one Txn that joins, one that leaves.</summary>
internal sealed class BareEtcd : IBarePairs
{
    private readonly IEtcdWire _wire;
    private readonly (TxnRequest Join, TxnRequest Leave)[] _pairs;

    private BareEtcd(IEtcdWire wire, (TxnRequest Join, TxnRequest Leave)[] pairs) => (_wire, _pairs) = (wire, pairs);

    public static async Task<BareEtcd> RecordAsync(EtcdEngine engine, int workers)
    {
        var count = new WireCount();

        // left to the end of the process: its session must live while its requests are sent again
        var client = new ConclaveClient(engine.Open("record", count));
        var pairs = new (TxnRequest, TxnRequest)[workers];
        for (int i = 0; i < workers; i++)
        {
            count.Recorded = [];
            await Measure.AcquireAndReleaseAsync(client.Lock($"name/{i}"));
            pairs[i] = (count.Recorded[^2], count.Recorded[^1].Clone());
            count.Recorded = null;
        }

        return new(await EtcdWires.ConnectAsync(engine.Server), pairs);
    }

    public async Task SendAsync(int worker)
    {
        var (join, leave) = _pairs[worker];
        var key = join.Success[0].Put.Key;
        var joined = await _wire.CallAsync(EtcdApi.Txn, join, EtcdWires.Call, CancellationToken.None);

        // who leaves says which revision of its entry it means
        leave.Compare.Single(c => c.Key == key).ModRevision = joined.Header.Revision;
        var left = await _wire.CallAsync(EtcdApi.Txn, leave, EtcdWires.Call, CancellationToken.None);
        if (!joined.Succeeded || !left.Succeeded)
        {
            throw new InvalidOperationException("What was sent again did not write what it wrote at first.");
        }
    }

    public ValueTask DisposeAsync() => _wire.DisposeAsync();
}
