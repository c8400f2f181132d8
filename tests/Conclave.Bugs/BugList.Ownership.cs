namespace Conclave.Bugs;

internal static partial class BugList
{
    /// <summary>Mostly-correct ownership.</summary>
    private static Bug[] Ownership =>
    [
        new("ownership-by-wall-clock", Area.Recipes,
            "A record is taken over when it has expired by the wall clock of whoever waits: too early or never, where clocks differ.",
            new Edit("src/Conclave.Ownership/Contender.cs", "_still.Now >= Patience(seen, place))", "($BUG ? seen.Record?.Expires < Time.GetUtcNow() : _still.Now >= Patience(seen, place)))")),
        new("ownership-own-record-unknown", Area.Recipes,
            "An own record is only recognized by the answer that accepted it: after a lost answer its owner waits for itself.",
            new Edit("src/Conclave.Ownership/Contender.cs", "else if (seen.IsOwnedBy(_slug))", "else if (seen.IsOwnedBy(_slug) && (!$BUG || seen.Accepted))")),
        new("ownership-released-while-refreshed", Area.Recipes,
            "A release does not wait for the refresh that is under way, which then owns again what was given up.",
            new Edit("src/Conclave.Ownership/Hold.cs", "await _refresher.ConfigureAwait(false);", "if (!$BUG) { $CODE }")),
        new("ownership-blind-release", Area.Recipes,
            "A release is not tied to the record as it was seen: it removes that of whoever has taken over.",
            new Edit("src/Conclave.Ownership/Moves.cs", "conditions.Add(seen.RecordUnchanged);", "if (!$BUG) { $CODE }")),
        new("ownership-not-handed-over", Area.Recipes,
            "A release leaves the key free although somebody waits: newcomers come between.",
            new Edit("src/Conclave.Ownership/Moves.cs", "if (Next(seen, slug) is var (next, record))", "if (($BUG ? null : Next(seen, slug)) is var (next, record))")),
        new("ownership-place-forgotten", Area.Recipes,
            "A place in line that could not be given up while the store was away stays there for good.",
            new Edit("src/Conclave.Ownership/Withdrawal.cs", "if (isGone is false || (isGone is true && isDoubtful))", "if ((isGone is false && !$BUG) || (isGone is true && isDoubtful))")),
    ];
}
