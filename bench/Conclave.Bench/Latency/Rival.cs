namespace Conclave.Bench;

/// <summary>A pair of calls that a lock is compared to.</summary>
/// <param name="Name">What it is.</param>
/// <param name="PairAsync">Takes and gives back, for one of the workers.</param>
/// <param name="Share">The share of its throughput at 64 names that is our target, or null for none.</param>
/// <param name="SequentialShare">The share of its throughput by one caller that is our target, or null for none.</param>
/// <param name="Latency">The multiple of its sequential latency that is our target, or null for none.</param>
/// <param name="IsBare">Whether it is the engine itself, and not what somebody writes by hand.</param>
internal sealed record Rival(
    string Name, Func<int, Task> PairAsync, double? Share = null, double? SequentialShare = null, double? Latency = null, bool IsBare = false);

/// <summary>What the engine is asked for a lock, sent without a store.</summary>
internal interface IBarePairs : IAsyncDisposable
{
    /// <summary>Takes and gives back.</summary>
    Task SendAsync(int worker);
}
