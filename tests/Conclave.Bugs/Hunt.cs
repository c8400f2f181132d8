namespace Conclave.Bugs;

/// <summary>Where a bug is looked for with real processes.</summary>
/// <param name="Engine">The engine.</param>
/// <param name="Arguments">What <c>./torture</c> is told beside the engine and the seed.</param>
internal sealed record Hunt(string Engine, string[] Arguments);
