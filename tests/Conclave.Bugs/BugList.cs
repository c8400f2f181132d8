namespace Conclave.Bugs;

/// <summary>The deliberate bugs. Each is one that somebody has made somewhere, or could; what is found must stay in step with the code.</summary>
internal static partial class BugList
{
    public static IReadOnlyList<Bug> All { get; } = [.. Queue, .. Outcomes, .. Local, .. Maps, .. Sessions, .. Hints, .. Ownership, .. Memory, .. Sqlite];
}
