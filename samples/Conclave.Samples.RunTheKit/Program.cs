// <program>
using Conclave.Samples;
using Conclave.Storage;
using Conclave.Testing;

// a number on the command line is a seed: through chaos; most cases mostly wait, so several run at once
var options = new ConformanceOptions { Chaos = args is [_], Seed = args is [var seed] ? int.Parse(seed, null) : 1, Parallelism = 8 };
var report = await ConformanceKit.RunAsync(() => new MyHarness(), Console.Out, options);
return report.Passed ? 0 : 1;

internal sealed class MyHarness : StoreHarness
{
    private readonly string _folder = Directory.CreateTempSubdirectory("my-store-").FullName;

    public override TimeSpan Patience => TimeSpan.FromSeconds(10);

    protected override IStore Open(TimeProvider time) => new MyStore(_folder, time);

    protected override ValueTask CleanUpAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return default;
    }
}
// </program>
