namespace Conclave.Cli;

/// <summary>The options that every command takes.</summary>
internal sealed record GlobalSettings(string? Store, bool Json, bool Quiet);

/// <summary>What <c>conclave lock</c> was asked to do, checked.</summary>
internal sealed record LockSettings(
    GlobalSettings Global, string Name, TimeSpan Wait, bool Try, TimeSpan TimeToLive, TimeSpan Grace, string? Label, IReadOnlyList<string> CommandLine);

/// <summary>What <c>conclave status</c> was asked to show.</summary>
internal sealed record StatusSettings(GlobalSettings Global, string? Name);
