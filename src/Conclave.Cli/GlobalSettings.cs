namespace Conclave.Cli;

/// <summary>The options that every command takes.</summary>
internal sealed record GlobalSettings(string? Store, bool Json, bool Quiet);

/// <summary>What a command that runs another one was asked to do, checked.</summary>
internal sealed record HoldSettings(
    GlobalSettings Global, HeldTool Tool, TimeSpan Wait, bool Try, TimeSpan TimeToLive, TimeSpan Grace, string? Label, IReadOnlyList<string> CommandLine)
{
    public string Name => Tool.Name;
}

/// <summary>What <c>conclave status</c> was asked to show.</summary>
internal sealed record StatusSettings(GlobalSettings Global, string? Name);

/// <summary>What <c>conclave store check</c> was asked to check.</summary>
/// <param name="Global">The options of every command.</param>
/// <param name="Store">The store, or null for the one of the options.</param>
internal sealed record StoreCheckSettings(GlobalSettings Global, string? Store);

/// <summary>What a command that looks at something by name, or changes it, was asked for.</summary>
internal sealed record NameSettings(GlobalSettings Global, string Name);

/// <summary>What <c>conclave time show</c> was asked to show.</summary>
/// <param name="Global">The options of every command.</param>
/// <param name="Servers">The time servers; none for the clock of this machine.</param>
/// <param name="Watch">Until it is interrupted.</param>
internal sealed record TimeSettings(GlobalSettings Global, IReadOnlyList<string> Servers, bool Watch);

/// <summary>What <c>conclave time skew</c> was asked to compare.</summary>
internal sealed record TimeSkewSettings(TimeSettings Time, string Group);
