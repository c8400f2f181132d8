using Conclave.Bench;

// `bench/run` calls this once per part; a worker is a process of the hand-off benchmark
return args switch
{
    ["worker", var file, var name, var grants] => await HandOffBenchmark.WorkAsync(file, name, int.Parse(grants, null)),
    ["cost"] => await CostBenchmark.RunAsync(),
    ["memory"] => await MemoryBenchmark.RunAsync(),
    ["sqlite"] => await SqliteBenchmark.RunAsync(),
    ["consul"] => await ConsulBenchmark.RunAsync(),
    ["redis"] => await RedisBenchmark.RunAsync(),
    ["postgres"] => await PostgresBenchmark.RunAsync(),
    ["etcd"] => await EtcdBenchmark.RunAsync(),
    ["etcd-worker", var host, var port, var name, var grants] => await EtcdHandOff.WorkAsync(host, int.Parse(port, null), name, int.Parse(grants, null)),
    ["tools"] => await ToolsBenchmark.RunAsync(),
    ["tools", "permits"] => await ToolsBenchmark.RunAsync("permits"),
    ["tool-worker", "lead", var uri, var name] => await ToolWorker.LeadAsync(uri, name),
    ["tool-worker", "permits", var uri, var name, var permits, var hold, var span] => await ToolWorker.UsePermitsAsync(
        uri, name, int.Parse(permits, null), TimeSpan.FromMilliseconds(int.Parse(hold, null)), TimeSpan.FromMilliseconds(int.Parse(span, null))),
    ["time"] => await TimeBenchmark.RunAsync(),
    ["ownership", .. var engines] => await OwnershipBenchmark.RunAsync(engines),
    ["tool-worker", "own", "burst", var kind, var uri, var key, var hold] => await OwnershipWorker.BurstAsync(kind, uri, key, TimeSpan.FromMilliseconds(int.Parse(hold, null))),
    ["tool-worker", "own", "loop", var kind, var uri, var key, var span] => await OwnershipWorker.LoopAsync(kind, uri, key, TimeSpan.FromMilliseconds(int.Parse(span, null))),
    ["tool-worker", "own", "update", var kind, var uri, var key, var span] => await OwnershipWorker.UpdateAsync(kind, uri, key, TimeSpan.FromMilliseconds(int.Parse(span, null))),
    ["map"] => await MapBenchmark.RunAsync(),
    ["map-worker", var uri, var name, var entries] => await MapBenchmark.EnumerateAsync(uri, name, int.Parse(entries, null)),
    ["handoff"] => await HandOffBenchmark.RunAsync(),
    ["kit"] => await KitBenchmark.RunAsync(),
    ["cli", .. var variants] => CliBenchmark.Run(variants),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: Conclave.Bench cost | memory | sqlite | handoff | etcd | consul | redis | postgres | tools | map | ownership | time | kit | cli NAME=PATH…   (bench/run runs them all)");
    return 64;
}
