namespace Conclave.Servers;

/// <summary>A server that a test needs is not on this machine. To xunit.v3 this is a test that is skipped.</summary>
public sealed class ServerMissingException : Exception
{
    // what xunit.v3 looks for at the start of a message, in an exception of any type
    private const string SkipToken = "$XunitDynamicSkip$";

    internal ServerMissingException(string reason)
        : base($"{SkipToken}SKIPPED: {reason}") => Reason = reason;

    /// <summary>What is missing, and what to do about it, for who is not a test.</summary>
    public string Reason { get; }
}
