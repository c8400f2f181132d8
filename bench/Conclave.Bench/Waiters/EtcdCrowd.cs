namespace Conclave.Bench;

/// <summary>A hundred clients wait on etcd; each stands in the queue again after its turn. Requests are counted on the wire.</summary>
internal static class EtcdCrowd
{
    public static async Task RunAsync(EtcdEngine engine)
    {
        int waiting = Effort.Of(100, 10), handOffs = Effort.Of(300, 30);
        var count = new WireCount();
        var clients = Enumerable.Range(0, waiting + 1).Select(_ => new ConclaveClient(engine.Open("crowd", count))).ToArray();
        (int grants, int begin, int end) = (0, 0, 0);
        await Task.WhenAll(clients.Select(client => Task.Run(async () =>
        {
            while (Volatile.Read(ref end) == 0)
            {
                var claim = await client.Lock("x").AcquireAsync();
                switch (Interlocked.Increment(ref grants) - 1)
                {
                    case 0:
                        while ((await clients[0].Lock("x").InspectAsync()).Waiters.Length < waiting)
                        {
                            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
                        }

                        begin = count.Txns;
                        break;
                    case var number when number == handOffs:
                        Volatile.Write(ref end, count.Txns);
                        break;
                }

                await claim.DisposeAsync();
            }
        })));

        // when the count ended everybody stayed for one more turn; the last one of them hands over to nobody
        double draining = (count.Txns - end - 1) / (double)waiting;
        Report.AtMost($"etcd: commits for each hand-off, {waiting} waiting clients", Report.Of($"{draining:0.00}"), draining, 3, "≤ 3");
        double again = (end - begin) / (double)handOffs;
        Report.AtMost(
            "etcd: the same where each stands in the queue again, with that and the look of each who waits once in 5 s", Report.Of($"{again:0.00}"), again, 3, "≤ 3");
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }
}
