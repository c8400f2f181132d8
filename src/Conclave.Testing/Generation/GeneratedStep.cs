using System.Globalization;

namespace Conclave.Testing;

/// <summary>One step of a generated sequence. Sessions are slots, revisions are named by what they are, so that a step keeps its meaning when others are left out.</summary>
internal abstract record GeneratedStep
{
    /// <summary>Which of the two store objects takes it.</summary>
    public int Store { get; init; }

    /// <summary>Printed like a line of code.</summary>
    public abstract string Describe();

    public sealed override string ToString() => string.Create(CultureInfo.InvariantCulture, $"store{Store + 1}.{Describe()}");
}

internal sealed record CommitStep(IReadOnlyList<GeneratedCondition> Conditions, IReadOnlyList<GeneratedWrite> Writes, IReadOnlyList<GeneratedRead> Reads) : GeneratedStep
{
    public override string Describe() => $"Commit({string.Join(", ", [.. Conditions.Select(c => c.ToString()), .. Writes.Select(w => w.ToString()), .. Reads.Select(r => r.ToString())])})";
}

internal sealed record SessionStep(StoreCall Call, int Slot) : GeneratedStep
{
    public override string Describe() => $"{Call}({Name(Slot)})";

    public static string Name(int slot) => ((char)('A' + slot)).ToString();
}

/// <summary>Lets time pass: a little, or more than any session lives.</summary>
internal sealed record PassStep(bool IsLong) : GeneratedStep
{
    public override string Describe() => IsLong ? "Pass(more than a time to live)" : "Pass(a little)";
}

internal enum GeneratedRevision
{
    Absent,
    Current,
    Older,
    Never,
}

internal sealed record GeneratedCondition(string Key, GeneratedRevision Revision)
{
    public override string ToString() => Revision == GeneratedRevision.Absent ? $"Absent('{StoreText.Key(Key)}')" : $"Unchanged('{StoreText.Key(Key)}', {Revision})";
}

/// <summary>A put, or with the value null a delete.</summary>
internal sealed record GeneratedWrite(string Key, string? Value, int? Slot)
{
    public override string ToString() => Value is null
        ? $"Delete('{StoreText.Key(Key)}')"
        : $"Put('{StoreText.Key(Key)}', '{Value}'{(Slot is { } slot ? ", " + SessionStep.Name(slot) : "")})";
}

internal sealed record GeneratedRead(string Key, bool IsScan, string? StartAfter, int Limit)
{
    public override string ToString() => !IsScan
        ? $"Get('{StoreText.Key(Key)}')"
        : $"Scan('{StoreText.Key(Key)}'{(StartAfter is null ? "" : $", after '{StoreText.Key(StartAfter)}'")}{(Limit == int.MaxValue ? "" : string.Create(CultureInfo.InvariantCulture, $", limit {Limit}"))})";
}
