namespace Conclave.Cli.Output;

/// <summary>Who read stdout has left, as <c>head</c> does: there is nothing more to do, and nothing wrong.</summary>
internal sealed class OutputClosedException : Exception;
