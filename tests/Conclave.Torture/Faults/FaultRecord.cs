namespace Conclave.Torture;

/// <summary>A fault that was there.</summary>
/// <param name="Kind">What.</param>
/// <param name="Worker">Whose; null for the servers.</param>
/// <param name="From">When it began.</param>
/// <param name="To">When it was put right.</param>
internal sealed record FaultRecord(string Kind, int? Worker, long From, long To);
