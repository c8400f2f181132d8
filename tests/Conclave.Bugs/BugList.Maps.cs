namespace Conclave.Bugs;

internal static partial class BugList
{
    private const string MapFile = "src/Conclave/Maps/DistributedMap.cs";
    private const string MapTableFile = "src/Conclave/Maps/MapTable.cs";
    private const string MapKeysFile = "src/Conclave/Maps/MapKeys.cs";
    private const string ExactFile = "src/Conclave/Sessions/ExactCommits.cs";

    /// <summary>Maps, and the changes that happen exactly once.</summary>
    private static Bug[] Maps =>
    [
        new("map-update-overwrites", Area.Recipes,
            "An update is written whatever has come between: somebody else's change is lost.",
            new Edit(MapTableFile, "CommitAsync(key, must, write, cancellationToken)", "CommitAsync(key, $BUG ? null : must, write, cancellationToken)")),
        new("map-stops-at-the-unchanged", Area.Recipes,
            "Changing all entries ends with the first one that is left as it is, as in go-micro's Map.",
            new Edit(MapFile, "changed += revision == 0 ? 0 : 1;", "$CODE if ($BUG && revision == 0) { break; }")),
        new("map-page-from-the-first", Area.Recipes,
            "An enumeration goes on behind the key before the last one: an entry is met twice.",
            new Edit(MapTableFile, "after = page[^1].Key;", "after = $BUG && page.Length > 1 ? page[^2].Key : page[^1].Key;")),
        new("map-names-meet", Area.Recipes,
            "The name of a map is no segment of its own: the map 'a' shows the entries of the map 'a/b'.",
            new Edit(MapKeysFile, "/{StoreNames.Escape(map)}/", "/{($BUG ? map : StoreNames.Escape(map))}/")),
        new("map-watch-misses-what-is-gone", Area.Recipes,
            "Who observes a map is not told of the delete of its last key.",
            new Edit(MapTableFile, "while (next < known.Count && (end is null ||", "while (next < known.Count && !($BUG && end is null) && (end is null ||")),
        new("change-without-its-mark", Area.Recipes,
            "A change does not ask whether its mark is as it was: repeated after an unknown outcome it happens twice, and an old one lands late.",
            new Edit(ExactFile, "condition is { } must ? [must, mark.AsKnown] : [mark.AsKnown],", "$BUG ? (condition is { } only ? [only] : []) : $CODE")),
        new("change-that-landed-counts-as-refused", Area.Recipes,
            "A change whose answer was lost is taken for refused, although its mark says that it was applied: an update happens twice.",
            new Edit(ExactFile, "marked.Value.Span.SequenceEqual(_number))", "marked.Value.Span.SequenceEqual(_number) && !$BUG)")),
        new("refused-change-may-land", Area.Recipes,
            "A change that was refused after an unknown outcome is not settled: a copy of it creates the key again, once that is deleted.",
            new Edit(ExactFile, "if (_unknown is null)", "if (_unknown is null || $BUG)")),
    ];
}
