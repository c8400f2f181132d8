namespace Conclave.Bugs;

/// <summary>The bugs are not in step with the code.</summary>
internal sealed class MutationException(string message) : Exception(message);

/// <summary>Turns the sources into those of a test build, in which every bug can be switched on.</summary>
internal static class Mutation
{
    /// <summary>The environment variable that names the bug to switch on.</summary>
    public const string BugVariable = "CONCLAVE_BUG";

    /// <summary>The environment variable that says how many seconds a case waits for what needs no waiting.</summary>
    public const string PatienceVariable = "CONCLAVE_BUG_PATIENCE";

    private const string Switch = "global::Conclave.DeliberateBugs";

    // a lost wake-up shows when a case has lost its patience: the kit's own thirty seconds are for busy machines
    private static readonly Edit Patience = new(
        "src/Conclave.Testing/Conformance/StoreHarness.cs",
        "public virtual TimeSpan Patience => TimeSpan.FromSeconds(30);",
        $"public virtual TimeSpan Patience {{ get; }} = TimeSpan.FromSeconds(int.Parse(Environment.GetEnvironmentVariable(\"{PatienceVariable}\") ?? \"30\"));");

    /// <summary>The class that is added to every assembly with a bug.</summary>
    public static string SwitchSource { get; } = $$"""
        namespace Conclave;

        internal static class DeliberateBugs
        {
            private static readonly string Active = System.Environment.GetEnvironmentVariable("{{BugVariable}}") ?? "";

            public static bool Is(string bug) => Active == bug;
        }
        """;

    /// <summary>Applies every edit, in memory.</summary>
    /// <returns>The changed files: path from the root, and contents.</returns>
    /// <exception cref="MutationException">An edit does not fit.</exception>
    public static Dictionary<string, string> Apply(string root, IReadOnlyList<Bug> bugs)
    {
        Check(bugs);
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        var misfits = new List<string>();
        var edits = bugs.SelectMany(b => b.Edits.Select(e => (Bug: b.Name, Edit: e))).Append(("(patience)", Patience));
        foreach (var file in edits.GroupBy(e => e.Item2.File))
        {
            string path = Path.Combine(root, file.Key);
            if (!File.Exists(path))
            {
                misfits.Add($"{file.First().Item1}: there is no file {file.Key}.");
                continue;
            }

            files.Add(file.Key, Apply(File.ReadAllText(path), [.. file], misfits));
        }

        return misfits.Count == 0 ? files : throw new MutationException(string.Join("\nbugs: ", misfits));
    }

    private static void Check(IReadOnlyList<Bug> bugs)
    {
        foreach (var bug in bugs)
        {
            if (!bug.Edits.Any(e => e.Replace.Contains("$BUG", StringComparison.Ordinal)))
            {
                throw new MutationException($"{bug.Name}: none of its edits has a $BUG that switches it.");
            }

            if (bug.Name.Any(c => !char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c != '-') || bugs.Count(b => b.Name == bug.Name) != 1)
            {
                throw new MutationException($"{bug.Name}: a name is letters, digits and dashes, and used once.");
            }
        }
    }

    private static string Apply(string source, (string Bug, Edit Edit)[] edits, List<string> misfits)
    {
        var places = new List<(int Start, int End, string Bug, string Text)>();
        foreach (var same in edits.GroupBy(e => e.Edit.Find))
        {
            string bug = same.First().Bug;
            int start = source.IndexOf(same.Key, StringComparison.Ordinal);
            if (start < 0 || source.IndexOf(same.Key, start + 1, StringComparison.Ordinal) >= 0)
            {
                misfits.Add(
                    $"{bug}: this text occurs {(start < 0 ? "nowhere" : "more than once")} in {same.First().Edit.File}; bring the bug in step with the code:\n{same.Key}");
                continue;
            }

            string text = same.Key;
            foreach (var (name, edit) in same)
            {
                if (text != same.Key && !edit.Replace.Contains("$CODE", StringComparison.Ordinal))
                {
                    throw new MutationException($"{name}: {bug} changes the same text of {edit.File}; use $CODE in both.");
                }

                text = edit.Replace
                    .Replace("$CODE", text, StringComparison.Ordinal)
                    .Replace("$BUG", $"{Switch}.Is(\"{name}\")", StringComparison.Ordinal);
            }

            places.Add((start, start + same.Key.Length, bug, text));
        }

        places.Sort((one, other) => other.Start.CompareTo(one.Start));
        for (int i = 1; i < places.Count; i++)
        {
            if (places[i].End > places[i - 1].Start)
            {
                throw new MutationException($"{places[i].Bug} and {places[i - 1].Bug} change overlapping text; find the same text in both, or less in one.");
            }
        }

        foreach (var (start, end, _, text) in places)
        {
            source = string.Concat(source.AsSpan(0, start), text, source.AsSpan(end));
        }

        return source;
    }
}
