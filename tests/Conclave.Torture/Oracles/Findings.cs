namespace Conclave.Torture;

/// <summary>Something that must not be.</summary>
/// <param name="Oracle">Which rule.</param>
/// <param name="What">What happened, for a person.</param>
/// <param name="Around">When; null where that says nothing.</param>
/// <param name="Name">The claim's kind and name, where there is one.</param>
/// <param name="Earlier">Who believed in a claim when somebody else was let in, where that is what is wrong.</param>
/// <param name="Until">When the first of them believed no longer.</param>
internal sealed record Violation(string Oracle, string What, long? Around = null, (string Kind, string Name)? Name = null, IReadOnlyList<Hold>? Earlier = null, long? Until = null);

/// <summary>A gap between one holder and the next while somebody waited.</summary>
/// <param name="Kind">What kind of claim.</param>
/// <param name="Name">Its name.</param>
/// <param name="From">When the one before was last believed.</param>
/// <param name="To">When the next one was granted.</param>
internal sealed record HandOver(string Kind, string Name, long From, long To)
{
    public double Seconds => (To - From) / 1e9;
}
