using Conclave.Bench;

// `bench/run` calls this once per part; a worker is a process of the hand-off benchmark
return args switch
{
    ["worker", var file, var name, var grants] => await HandOffBenchmark.WorkAsync(file, name, int.Parse(grants, null)),
    ["cost"] => await CostBenchmark.RunAsync(),
    ["memory"] => await MemoryBenchmark.RunAsync(),
    ["sqlite"] => await SqliteBenchmark.RunAsync(),
    ["handoff"] => await HandOffBenchmark.RunAsync(),
    ["cli", .. var variants] => CliBenchmark.Run(variants),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: Conclave.Bench cost | memory | sqlite | handoff | cli NAME=PATH…   (bench/run runs them all)");
    return 64;
}
