using System.Runtime.CompilerServices;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>
/// Cases that nobody wrote by hand: generated sequences against a model, and concurrent clients whose history must have one order. Each run
/// says whether it was strong enough to prove anything.
/// </summary>
public static partial class HistoryConformance
{
    private const string AsTheModel = "1-3. Commits, reads and sessions do what the model of the contract does, step by step.";
    private const string OneOrder = "1. Linearizable: one order of all commits, consistent with real time and with every revision, explains every answer.";
    private const string OneOrderPerKey = "1. Linearizable: one order of the operations on each key explains every answer, without a look at revisions.";

    /// <summary>All cases.</summary>
    public static IReadOnlyList<ConformanceCase> Cases { get; } =
    [
        Case(AsTheModel, GeneratedSequencesDoWhatTheModelDoes),
        Case(OneOrder, ConcurrentClientsProduceALinearizableHistory),
        Case(OneOrderPerKey, RegistersAndCountersAreLinearizableKeyByKey),
    ];

    /// <summary>Sequences of about sixty steps on two store objects; the first that fails is made as short as it gets.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task GeneratedSequencesDoWhatTheModelDoes(StoreHarness harness)
    {
        ArgumentNullException.ThrowIfNull(harness);
        const int wanted = 40;
        const int least = 3;
        var run = new GeneratedRun(harness, [harness.Connect(), harness.Connect()]);
        long start = TimeProvider.System.GetTimestamp();
        for (int i = 0; i < wanted && (i < least || TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(3)); i++)
        {
            await run.RunAsync((harness.Seed * 1000) + i, length: 60).ConfigureAwait(false);
        }
    }

    /// <summary>Eight clients on two store objects read, compare and set, put, delete, open and close sessions.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task ConcurrentClientsProduceALinearizableHistory(StoreHarness harness)
    {
        ArgumentNullException.ThrowIfNull(harness);
        var traffic = new StoreTraffic(harness);
        var history = await traffic.RunAsync().ConfigureAwait(false);
        new StoreHistoryChecker().Check(history).ThrowIfNotLinearizable();
        traffic.ThrowIfWeak(history);
    }

    /// <summary>Puts, deletes, reads and increments on a few keys, checked key by key.</summary>
    /// <param name="harness">An empty namespace.</param>
    public static async Task RegistersAndCountersAreLinearizableKeyByKey(StoreHarness harness)
    {
        ArgumentNullException.ThrowIfNull(harness);
        var traffic = new KeyTraffic(harness);
        var history = await traffic.RunAsync().ConfigureAwait(false);
        Linearizability.Check(new KeyModel(), history, o => o.Key).ThrowIfNotLinearizable();
        traffic.ThrowIfWeak(history);
    }

    private static ConformanceCase Case(string contract, Func<StoreHarness, Task> run, [CallerArgumentExpression(nameof(run))] string name = "") =>
        new(name, contract, run);
}
