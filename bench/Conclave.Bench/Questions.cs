namespace Conclave.Bench;

/// <summary>Something that people ask, and the program that answers it.</summary>
/// <param name="Name">What it is called on the command line.</param>
/// <param name="Asks">The question.</param>
/// <param name="Minutes">About how long the answer takes on two processors.</param>
/// <param name="AnswerAsync">Measures; what follows the name of the question narrows it down, such as to an engine.</param>
internal sealed record Question(string Name, string Asks, double Minutes, Func<string[], Task> AnswerAsync);

internal static class Questions
{
    public static readonly IReadOnlyList<Question> All =
    [
        new("latency", "What does a lock cost that nobody else wants?", 4, LatencyBenchmark.RunAsync),
        new("handoff", "How long is a lock nobody's between 2, 10 and 100 processes?", 7, HandOffBenchmark.RunAsync),
        new("waiters", "How does the cost of a hand-over grow with 1 to 1,000 waiters?", 3, WaitersBenchmark.RunAsync),
        new("held", "How does the cost of holding grow with 1 to 100,000 locks?", 4, HeldBenchmark.RunAsync),
        new("renewal", "What does it cost to stay alive?", 2, RenewalBenchmark.RunAsync),
        new("loss", "How soon is a loss noticed, and how soon is the next one in?", 2, LossBenchmark.RunAsync),
        new("ownership", "What does mostly-correct ownership gain against the original algorithm?", 6, OwnershipBenchmark.RunAsync),
        new("map", "What does a map cost, and to go through a large one?", 1.5, MapBenchmark.RunAsync),
        new("tools", "What do leaders, permits, readers and counters cost?", 3, ToolsBenchmark.RunAsync),
        new("time", "What does it cost to read the clock, and how wrong is it?", 1, TimeBenchmark.RunAsync),
        new("kit", "How long does the proof kit take?", 1, KitBenchmark.RunAsync),
        new("cli", "How long does `conclave lock` take from cold?", 0.5, CliBenchmark.RunAsync),
    ];

    public static Question? Get(string name) => All.FirstOrDefault(q => q.Name == name);
}
