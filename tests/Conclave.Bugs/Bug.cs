namespace Conclave.Bugs;

/// <summary>Where the kit looks for a bug first, and on which engines it shows.</summary>
internal enum Area
{
    /// <summary>In what users call, on any engine.</summary>
    Recipes,

    /// <summary>In <c>MemoryStore</c>, or in what all stores share.</summary>
    Memory,

    /// <summary>In <c>SqliteStore</c>.</summary>
    Sqlite,
}

/// <summary>One change of a source file.</summary>
/// <param name="File">The file, from the repository's root.</param>
/// <param name="Find">Text that occurs exactly once in the file.</param>
/// <param name="Replace">
/// What takes its place: <c>$BUG</c> becomes a question whether the bug is switched on, <c>$CODE</c> what was found. Switched off, it must do
/// what the original does. Several bugs may change the same text if they keep it as <c>$CODE</c>.
/// </param>
internal sealed record Edit(string File, string Find, string Replace);

/// <summary>A deliberate bug.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Area">Where it is.</param>
/// <param name="Why">What somebody would meet.</param>
/// <param name="Edits">What makes it.</param>
internal sealed record Bug(string Name, Area Area, string Why, params Edit[] Edits)
{
    /// <summary>The engine on which it is looked for, unless somebody asks for another.</summary>
    public string Engine => Area == Area.Sqlite ? "sqlite" : "memory";

    /// <summary>Whether it can show on an engine.</summary>
    public bool ShowsOn(string engine) => Area == Area.Recipes || Engine == engine;
}
